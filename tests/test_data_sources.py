"""Every kind of source, and every kind of bad input with what it says."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.data import cache
from ganzoo.data.open import open_pictures, peek_spec, reference_split
from ganzoo.errors import GanzooError


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six square grey pictures in a tree."""
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(6):
        picture(8, 8, "L", number).save(folder / ("deep" if number % 2 else "") / f"{number}.png")
    return folder


def picture(width=8, height=8, mode="RGB", seed=0) -> Image.Image:
    rng = np.random.default_rng(seed)
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).convert(mode)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "png")
    return stream.getvalue()


def make_zip(path: Path, labels="some", count=4) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        names = [f"00000/img{number:08d}.png" for number in range(count)]
        for number, name in enumerate(names):
            out.writestr(name, png(picture(seed=number)))
        if labels == "some":
            out.writestr("dataset.json", json.dumps({"labels": [[name, k % 3] for k, name in enumerate(names)]}))
        elif labels is not None:
            out.writestr("dataset.json", labels)
    return path


def test_the_embedded_set(registry, root):
    pictures = open_pictures(registry, "fashion-10k", root=root)
    assert pictures.array.shape == (10000, 1, 28, 28) and pictures.array.dtype == np.uint8
    assert np.bincount(pictures.labels).tolist() == [1000] * 10
    assert pictures.demonstration and pictures.class_names[9] == "ankle boot"
    assert peek_spec(registry, "fashion-10k", root=root) == pictures.spec
    first = pictures.array[0, 0]
    assert pictures.labels[0] == 9 and first[:7].max() == 0 and first.max() == 255  # a low boot under empty rows


def test_a_folder(registry, root, folder):
    pictures = open_pictures(registry, f"folder:{folder}", root=root)
    assert pictures.array.shape == (6, 1, 8, 8) and pictures.labels is None
    assert np.array_equal(pictures.array[0, 0], np.asarray(Image.open(folder / "0.png")))
    assert peek_spec(registry, f"folder:{folder}", root=root) == pictures.spec


def test_a_zip_with_labels(registry, root, tmp_path):
    pictures = open_pictures(registry, f"zip:{make_zip(tmp_path / 'a.zip')}", root=root)
    assert pictures.array.shape == (4, 3, 8, 8)
    assert pictures.labels.tolist() == [0, 1, 2, 0] and pictures.spec.classes == 3


@pytest.mark.parametrize("labels", [None, '{"labels": null}'])
def test_a_zip_without_labels(registry, root, tmp_path, labels):
    assert open_pictures(registry, f"zip:{make_zip(tmp_path / 'a.zip', labels)}", root=root).labels is None


def test_resizing_is_recorded_and_crops_to_the_centre(registry, root, tmp_path):
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 200
    (tmp_path / "wide").mkdir()
    Image.fromarray(wide).save(tmp_path / "wide/a.png")
    pictures = open_pictures(registry, f"folder:{tmp_path / 'wide'}", size=4, root=root)
    assert pictures.array.shape == (1, 3, 4, 4) and (pictures.array == 200).all()
    assert pictures.resize["antialias"] is True


def test_content_decides_what_is_cached(registry, root, folder, tmp_path, monkeypatch):
    first = open_pictures(registry, f"folder:{folder}", root=root)
    folder.rename(tmp_path / "moved")
    monkeypatch.setattr(cache, "_write", lambda *_: pytest.fail("decoded again"))
    assert open_pictures(registry, f"folder:{tmp_path / 'moved'}", root=root).fingerprint == first.fingerprint
    monkeypatch.undo()
    picture(mode="L", seed=99).save(tmp_path / "moved/0.png")
    assert open_pictures(registry, f"folder:{tmp_path / 'moved'}", root=root).fingerprint != first.fingerprint


def upright_jpeg() -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 3  # upside down
    image = Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 4, 0).repeat(8, 1))
    image.save(stream, "jpeg", exif=exif, quality=95)
    return stream.getvalue()


def test_exif_orientation_is_applied(registry, root, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a.jpg").write_bytes(upright_jpeg())
    array = open_pictures(registry, f"folder:{tmp_path / 'one'}", root=root).array[0, 0]
    assert array[0].mean() > 200 and array[-1].mean() < 50


def animated() -> bytes:
    stream = io.BytesIO()
    picture().save(stream, "webp", save_all=True, append_images=[picture(seed=1)], lossless=True)
    return stream.getvalue()


def sixteen_bit() -> bytes:
    return png(Image.fromarray(np.full((8, 8), 40000, np.uint16)))


def bomb() -> bytes:
    stream = io.BytesIO()
    Image.new("1", (20000, 10000)).save(stream, "png")
    return stream.getvalue()


BAD = {
    "broken.png": (b"not a picture", "cannot be decoded"),
    "cut.png": (png(picture(64, 64, "L"))[:300], "cannot be decoded"),
    "alpha.png": (png(picture(mode="RGBA")), "alpha channel"),
    "deep16.png": (sixteen_bit(), "more than 8 bits"),
    "moving.webp": (animated(), "animated"),
    "bomb.png": (bomb(), "too large"),
    "colour.png": (png(picture()), "3 channels, 0.png has 1"),
    "big.png": (png(picture(9, 9, "L")), "9x9, 0.png is 8x8; set data.size"),
    "long.png": (png(picture(9, 8, "L")), "not square"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_named_or_skipped(registry, root, folder, name):
    content, says = BAD[name]
    (folder / name).write_bytes(content)
    (folder / "0.png").rename(folder / "00.png")
    (folder / "00.png").rename(folder / "0.png")
    with pytest.raises(GanzooError) as caught:
        open_pictures(registry, f"folder:{folder}", root=root)
    message = str(caught.value)
    assert name in message and says in message and "data.skip_bad=true" in message and "\n" not in message
    warnings: list[str] = []
    pictures = open_pictures(registry, f"folder:{folder}", root=root, skip_bad=True, warn=warnings.append)
    assert len(pictures) == 6 and pictures.skipped == (name,)
    assert warnings == [f"folder:{folder}: 1 unreadable pictures left out: {name}"]


def test_nothing_readable_at_all(registry, root, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"no")
    with pytest.raises(GanzooError, match="none of its 1 pictures can be read"):
        open_pictures(registry, f"folder:{tmp_path / 'bad'}", root=root, skip_bad=True)


def test_missing_and_empty_places(registry, root, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "half.zip").write_bytes(make_zip(tmp_path / "whole.zip").read_bytes()[:-200])
    for name, says in (
        (f"folder:{tmp_path / 'empty'}", "holds no PNG"),
        (f"folder:{tmp_path / 'nowhere'}", "does not exist"),
        (f"folder:{tmp_path / 'whole.zip'}", "data.name=zip:"),
        (f"zip:{tmp_path / 'half.zip'}", "not a whole zip"),
        (f"zip:{tmp_path / 'empty'}", "not a whole zip"),
        ("folder", "folder:PATH"),
        ("mnist:here", "takes no location"),
    ):
        with pytest.raises(GanzooError, match=says):
            open_pictures(registry, name, root=root)


def test_a_missing_download_says_where_to_put_it(registry, root, monkeypatch):
    from torchvision import datasets

    def offline(*args, **kwargs):
        raise RuntimeError("no route to host")

    monkeypatch.setattr(datasets.MNIST, "download", offline)
    with pytest.raises(GanzooError, match=f"mnist is not under {root} and cannot be downloaded .no route"):
        open_pictures(registry, "mnist", root=root)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("{", "is not of the form"),
        ('{"labels": [["00000/img00000000.png", 1]]}', "no label for 00000/img00000001.png"),
        ('{"labels": [["00000/img00000000.png", "cat"]]}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", -1]]}', "not a name and a class number"),
        ('{"labels": 3}', "not a name and a class number"),
    ],
)
def test_bad_labels(registry, root, tmp_path, labels, says):
    with pytest.raises(GanzooError, match=says):
        open_pictures(registry, f"zip:{make_zip(tmp_path / 'a.zip', labels)}", root=root)


def test_a_damaged_member_of_a_zip_is_named(registry, root, tmp_path):
    path = make_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"IHDR")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    with pytest.raises(GanzooError, match=r"img00000000\.png: it is damaged in the zip"):
        open_pictures(registry, f"zip:{path}", root=root)


def test_an_error_while_caching_leaves_nothing(registry, root, folder):
    (folder / "z.png").write_bytes(b"bad")
    with pytest.raises(GanzooError):
        open_pictures(registry, f"folder:{folder}", root=root)
    assert list((root / "cache").iterdir()) == []


def _kill_while_caching(folder: str, root: str) -> None:
    from ganzoo.registry import Registry

    def die(pixels, first):
        if first[0] != "0.png" or pixels.sum() != first_sum:
            os.kill(os.getpid(), signal.SIGKILL)

    first_sum = int(np.asarray(Image.open(Path(folder) / "0.png")).sum())
    cache._check_like_first = die
    open_pictures(Registry.load(), f"folder:{folder}", root=Path(root))


def test_a_kill_while_caching_leaves_no_half_cache(registry, root, folder):
    process = multiprocessing.get_context("spawn").Process(target=_kill_while_caching, args=(str(folder), str(root)))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name[0] for path in (root / "cache").iterdir()] == ["."]  # begun, never named
    assert len(open_pictures(registry, f"folder:{folder}", root=root)) == 6
    assert [path.name[0] == "." for path in (root / "cache").iterdir()] == [False]


def test_reference_splits(registry):
    assert reference_split(registry, "fashion-mnist") == "test"
    assert reference_split(registry, "cifar10") == "train"
    assert reference_split(registry, "folder:x") == "train"
