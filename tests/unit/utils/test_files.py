"""Files are written completely or not at all; the output directory of ``--out``."""

import gzip
import os
from urllib.error import URLError

import pytest

from ganzoo.cli.options import check_file
from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.utils.files import make_output_directory, unreadable, whole_file, write_text
from ganzoo.utils.processes import place


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    file = tmp_path / "a.txt"
    with whole_file(file) as first:
        first.write_text("half")
        with whole_file(file) as second:
            second.write_text("second")
        assert file.read_text() == "second"
        first.write_text("first")
    assert file.read_text() == "first" and list(tmp_path.iterdir()) == [file]


def test_temporary_files_of_dead_processes_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.utils.files.is_alive", lambda pid: pid == os.getpid())
    with whole_file(tmp_path / "film", ".mp4") as living:
        living.touch()
        (tmp_path / living.name.replace(f".{os.getpid()}.", ".1.")).touch()
        write_text(tmp_path / ("long name" * 20), "text")
        assert sorted(path.name[:5] for path in tmp_path.iterdir()) == [".film", "long "]


def test_temporary_files_of_another_container_with_the_same_host_name_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.utils.files.is_alive", lambda pid: False)
    for container in ("one", "two"):
        (tmp_path / container).touch()
        monkeypatch.setattr("ganzoo.utils.processes.NAMESPACE", tmp_path / container)
        (tmp_path / f".{container}.{place()}.1.0.part").touch()
    write_text(tmp_path / "file", "text")
    assert [path.name[:5] for path in tmp_path.glob(".*")] == [".one."]


def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(WriteFailed, match="it is not a regular file"):
            write_text(path, "text")
        with pytest.raises(GanzooError, match="is a device or a pipe, which would be replaced; name a file to write"):
            check_file(path)
    assert pipe.is_fifo() and link.is_symlink() and sorted(tmp_path.iterdir()) == [link, pipe]


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


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied"), "cannot read a.zip: Permission denied"),
        (URLError("refused"), "cannot read a.zip: <urlopen error refused>"),
        (ValueError("no end"), "a.zip is not a whole zip file (no end); fetch or make it again"),
        (gzip.BadGzipFile("CRC"), "a.zip is not a whole zip file (CRC); fetch or make it again"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_called_damaged(error, says):
    assert str(unreadable("a.zip", "zip", error)) == says
