"""Which files are read: system files among the images, runs from before data.formats, and error messages."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from PIL import Image
from support.images import open_images
from support.mixed import KINDS, encoded, opener, red

from ganzoo.config.resolve import resolve
from ganzoo.data import cache
from ganzoo.errors import GanzooError


@pytest.fixture
def opened(registry, tmp_path):
    return opener(registry, tmp_path)


MAC = {
    "photos/a.png": encoded(red(), "png"),
    "photos/.DS_Store": b"x",
    "__MACOSX/photos/._a.png": b"fork",
    "photos/._b.jpg": b"fork",
    "photos/.thumbs/a.gif": encoded(red(), "gif"),
    "photos/Thumbs.db": b"x",
    "photos/desktop.ini": b"x",
    "more/c.heic": b"x",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_system_leaves_among_images_is_passed_over_and_counted(opened, kind):
    said = str(opened(MAC, kind).usage)
    assert "1 of 5 images: " in said and "2 in hidden directories skipped" in said and "1 hidden skipped" in said
    assert "1 .heic (not PNG, JPEG, WebP, BMP, TIFF or GIF) skipped" in said
    if kind in ("folder", "zip"):
        assert "operating-system files skipped: 1 .DS_Store, 1 Thumbs.db, 1 desktop.ini" in said


OLD = {"a.png": encoded(red(), "png"), "b.png": encoded(Image.new("L", (8, 8), 9), "png")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_of_before_keeps_its_key(opened, registry, tmp_path, kind):
    """PNG files have the same key with data.formats=basic (that of earlier runs) and all, so they are cached once."""
    before = opened(OLD, kind, formats="basic")
    assert opened(OLD, kind).fingerprint == before.fingerprint
    (made,) = (tmp_path / "root/cache").iterdir()
    assert made.name == before.fingerprint[:32]


def test_the_key_is_that_of_before_to_the_digit(opened, monkeypatch):
    """The key hashes only the earlier settings: content, size, resizing and skip_bad, and channels if not auto."""
    monkeypatch.setattr("ganzoo_datasets.folder.Folder.content_key", lambda _: "content")
    resize = {"method": "torchvision bicubic", "antialias": True, "crop": "centre square"}
    expected = {
        json.dumps([1, "content", None, None, False]): {},
        json.dumps([1, "content", 4, resize, False]): {"size": 4},
        json.dumps([1, "content", 4, resize, "most", "channels 1"]): {"size": 4, "skip_bad": True, "channels": "1"},
    }
    for made_of, how in expected.items():
        assert opened(OLD, **how).fingerprint == hashlib.sha256(made_of.encode()).hexdigest()


NEW = {
    "by its name": {"z.bmp": encoded(Image.new("RGB", (8, 8)), "bmp")},
    "by what is in it": {"z.png": encoded(Image.new("RGBA", (8, 8), (9, 9, 9, 255)), "png")},
}


@pytest.mark.parametrize("what", NEW)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("basic_first", [True, False])
def test_a_run_from_before_goes_on_with_the_images_it_had(opened, kind, what, basic_first):
    """data.formats=basic and data.formats=all each find their own images, in either order."""
    files = {**OLD, **NEW[what]}
    order = ["basic", "all", "basic", "all"] if basic_first else ["all", "basic", "all", "basic"]
    found = [(formats, opened(files, kind, skip_bad=True, formats=formats)) for formats in order]
    assert [len(images) for _, images in found] == [2 if formats == "basic" else 3 for formats in order]
    assert len({images.fingerprint for _, images in found}) == 2
    assert {images.fingerprint for formats, images in found if formats == "basic"} == {
        opened(OLD if kind in ("folder", "zip") and what == "by its name" else files, kind, skip_bad=True,
               formats="basic").fingerprint
    }  # fmt: skip


def test_what_left_out_as_much_before_is_looked_through_once(opened, monkeypatch):
    files = {**OLD, "z.png": b"no image"}
    before = opened(files, skip_bad=True, formats="basic")
    assert opened(files, skip_bad=True).fingerprint == before.fingerprint
    monkeypatch.setattr(cache, "_write", lambda *_: pytest.fail("decoded again"))
    assert len(opened(files, skip_bad=True)) == len(opened(files, skip_bad=True, formats="basic")) == 2


def test_a_run_from_before_reads_basic_formats(registry, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(f"recipe: mlp+minimax\ndata: {{name: 'folder:{tmp_path}', size: 8}}\n")
    assert resolve(registry, None, file, kept=True).values.data.formats == "basic"
    assert resolve(registry, None, file).values.data.formats == "all"


def test_a_label_file_that_is_no_json_says_where(opened):
    files = {"a.png": OLD["a.png"], "dataset.json": b'{"labels": [\n  ["a.png", 0],\n]}'}
    with pytest.raises(GanzooError, match=r"dataset\.json is invalid JSON: line 3, column 1: .*; fix or remove it"):
        opened(files)
    with pytest.raises(GanzooError, match=r"dataset\.json is invalid JSON: duplicate key"):
        opened({**files, "dataset.json": b'{"labels": null, "labels": null}'})
    with pytest.raises(GanzooError, match=r"dataset\.json is not of the form"):
        opened({**files, "dataset.json": b'{"label": []}'})


def test_an_image_without_a_label_that_was_passed_over_before(opened):
    files = {"a.png": OLD["a.png"], "b.gif": encoded(red(), "gif"), "dataset.json": b'{"labels": [["a.png", 0]]}'}
    with pytest.raises(GanzooError, match=r"no label for b\.gif; .*or set data\.formats=basic"):
        opened(files)
    assert opened(files, formats="basic").labels.tolist() == [0]


def test_an_address_is_named_whole_and_says_what_to_do(registry, tmp_path):
    for kind in ("zip", "folder"):
        address = "https://example.org/set.zip"
        with pytest.raises(GanzooError, match=f"{address} is an address; download it and write data.name={kind}:PATH"):
            open_images(registry, f"{kind}:{address}", root=tmp_path)


def test_a_bare_path_is_answered_with_the_name_of_its_set(registry, tmp_path):
    (tmp_path / "set").mkdir()
    for file in ("set.ZIP", "set.tar", "set.rar"):
        (tmp_path / file).touch()
    for path, says in (
        ("set", f"write data.name=folder:{tmp_path}/set"),
        ("set.ZIP", f"write data.name=zip:{tmp_path}/set.ZIP"),
        ("set.tar", f"write data.name=webdataset:{tmp_path}/set.tar"),
        ("set.rar", "it is not a file of images; name a .tar or .zip or a directory"),
        ("nowhere", "there is no such file or directory, and no such data set; write folder:PATH or zip:PATH"),
    ):
        with pytest.raises(GanzooError, match=re.escape(says)):
            resolve(registry, "mlp+minimax", None, [f"data.name={tmp_path}/{path}"])
    with pytest.raises(GanzooError, match=r"fashion-10k"):
        resolve(registry, "mlp+minimax", None, ["data.name=fashion-11k"])
