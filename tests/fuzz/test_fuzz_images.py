"""Labels, zips, shards and locations of data sets from anyone are read, or refused in one line."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import as_text, changed, clean, damaged, deep, texts, values
from support.images import open_images, peek_spec
from support.sets import image, png

from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo_datasets.shards import _expand
from ganzoo_datasets.zips import Zip

REGISTRY = Registry.load(strict=True)
LABELS = {"labels": [[f"00000/img{number:08d}.png", number] for number in range(3)]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


def zipped(labels: str | bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as out:
        for name, _ in LABELS["labels"]:
            out.writestr(str(name), png(image(seed=1)))
        out.writestr("dataset.json", labels)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as out:
        for number in range(3):
            content = png(image(seed=number))
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def opened(name: str, root: Path, skip_bad: bool = True) -> None:
    spec = clean(peek_spec, REGISTRY, name, root=root)
    images = clean(open_images, REGISTRY, name, root=root, skip_bad=skip_bad)
    if spec is not None and images is not None:
        assert images.array.shape[1:] == (spec.channels, spec.size, spec.size)


@given(changed(LABELS) | values | st.lists(st.lists(texts | st.integers(-1, 5), max_size=3), max_size=4))
@example({"labels": [[f"00000/img{number:08d}.png", 2**20] for number in range(3)]})
def test_labels(place, content):
    (place / "labels.zip").write_bytes(zipped(as_text(content)))
    labels = clean(lambda: Zip(str(place / "labels.zip"), place, "train").labels)
    assert labels is None or all(0 <= label < 2**20 for label in labels.values())


@given(damaged(json.dumps(LABELS).encode()) | deep.map(str.encode) | st.binary(max_size=30))
def test_damaged_labels(place, content):
    (place / "labels.zip").write_bytes(zipped(content))
    clean(lambda: Zip(str(place / "labels.zip"), place, "train").labels)


@given(damaged(zipped(json.dumps(LABELS))) | damaged(zipped(json.dumps(LABELS), zipfile.ZIP_STORED)), st.booleans())
def test_damaged_zips(place, content, skip_bad):
    (place / "set.zip").write_bytes(content)
    opened(f"zip:{place / 'set.zip'}", place / "root", skip_bad)


@given(damaged(tarred()), st.booleans())
def test_damaged_shards(place, content, skip_bad):
    (place / "set.tar").write_bytes(content)
    opened(f"webdataset:{place / 'set.tar'}", place / "root", skip_bad)


@given(st.sampled_from(["folder", "zip", "webdataset"]), texts)
def test_places(place, kind, location):
    opened(f"{kind}:{place}/{location}", place / "root")
    if not location.startswith(("http://", "https://")) or "[" in location:
        clean(lambda: peek_spec(REGISTRY, f"{kind}:{location}", root=place / "root"))


@given(st.lists(st.sampled_from(["a", "{0..3}", "{03..12}", "{5..1}", "{0..99999}", "{", "}", "{a..b}"]), max_size=5))
def test_ranges_of_shards(parts):
    found = clean(lambda: list(_expand("".join(parts))))
    assert found is None or len(set(found)) == len(found) <= 100_000


@pytest.mark.parametrize("location", ["~nobody-of-this-name/x", "http://[", "\0", "a" * 300, "{0..9}" * 9])
def test_strange_places_are_refused_by_name(place, location):
    for kind in ("folder", "zip", "webdataset"):
        with pytest.raises(GanzooError):
            open_images(REGISTRY, f"{kind}:{location}", root=place / "root")


def test_the_last_of_several_ranges_counts_fastest():
    assert list(_expand("a{0..1}-{08..10}.tar")) == [
        f"a{one}-{two}.tar" for one in (0, 1) for two in ("08", "09", "10")
    ]
