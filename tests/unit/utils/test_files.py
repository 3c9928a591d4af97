"""The output directory of ``--out``."""

import pytest

from ganzoo.errors import GanzooError
from ganzoo.utils.files import make_output_directory


def test_an_output_directory_is_made_or_used_if_it_is_empty(tmp_path):
    make_output_directory(tmp_path / "new" / "deep")
    assert (tmp_path / "new" / "deep").is_dir()
    make_output_directory(tmp_path / "new" / "deep")


@pytest.mark.parametrize("name", ["file", "full"])
def test_an_output_directory_with_content_is_refused(tmp_path, name):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "image.png").write_bytes(b"kept")
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(GanzooError, match=f"{name} already exists and is not an empty directory; choose another --out"):
        make_output_directory(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "full" / "image.png").read_bytes() == b"kept"


def test_an_output_directory_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GanzooError, match=r"cannot make .*deep: Not a directory; choose another --out"):
        make_output_directory(tmp_path / "file" / "deep")
