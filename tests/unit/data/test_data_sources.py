"""Every kind of data source, and every kind of bad input with its error message."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock, Timeout
from PIL import Image
from support.images import open_images, peek_spec
from support.sets import image, png

from ganzoo import ImageSpec
from ganzoo.config.recipe import parse_data
from ganzoo.data.sources import make_source
from ganzoo.errors import GanzooError
from ganzoo_datasets.downloaded import FashionMNIST


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def directory(tmp_path) -> Path:
    """A directory with six square grey images, three of them in a subdirectory."""
    directory = tmp_path / "images"
    (directory / "deep").mkdir(parents=True)
    for number in range(6):
        image(8, 8, "L", number).save(directory / ("deep" if number % 2 else "") / f"{number}.png")
    return directory


def test_a_directory_that_cannot_be_listed_is_an_error(registry, directory, root, monkeypatch):
    scan = os.scandir

    def denied(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(GanzooError, match=r"deep cannot be listed \(Permission denied\); make it readable"):
        open_images(registry, f"folder:{directory}", root=root)


def test_links_to_directories_are_counted(registry, directory, root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    image(8, 8, "L").save(tmp_path / "elsewhere" / "a.png")
    (directory / "linked").symlink_to(tmp_path / "elsewhere")
    entry, location = parse_data(f"folder:{directory}", registry)
    source = make_source(entry, location, root, "train", labels="none")
    assert len(source) == 6 and list(source.remarks()) == ["links to directories not followed: 1"]


def test_one_process_downloads_at_a_time(root, monkeypatch):
    """torchvision writes under the final names, so a second process would damage the file of the first."""
    made = []

    def make(self, download):
        if not download:
            raise RuntimeError("Dataset not found")
        with pytest.raises(Timeout):
            FileLock(root / "fashion-mnist.lock", timeout=0).acquire()
        made.append(self.split)
        return SimpleNamespace(data=np.zeros((2, 28, 28), np.uint8), targets=[0, 1])

    monkeypatch.setattr(FashionMNIST, "make", make)
    assert len(FashionMNIST("", root, "train")) == 2 and made == ["train"]


def test_a_cut_image_that_is_not_square_is_named(registry, root, directory):
    wide = png(image(40, 20, "L"))
    (directory / "0.png").write_bytes(wide[: len(wide) // 2])
    for file in directory.rglob("*.png"):
        if file.name != "0.png":
            file.unlink()
    with pytest.raises(GanzooError, match=r"0\.png: it cannot be decoded"):
        peek_spec(registry, f"folder:{directory}", root=root)


def make_zip(path: Path, labels="some", count=4) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        names = [f"00000/img{number:08d}.png" for number in range(count)]
        for number, name in enumerate(names):
            out.writestr(name, png(image(seed=number)))
        if labels == "some":
            out.writestr("dataset.json", json.dumps({"labels": [[name, k % 3] for k, name in enumerate(names)]}))
        elif labels is not None:
            out.writestr("dataset.json", labels)
    return path


def test_the_embedded_set(registry, root):
    images = open_images(registry, "fashion-10k", root=root)
    assert images.array.shape == (10000, 1, 28, 28) and images.array.dtype == np.uint8
    assert np.bincount(images.labels).tolist() == [1000] * 10
    assert images.demonstration and images.class_names[9] == "ankle boot"
    assert peek_spec(registry, "fashion-10k", root=root) == images.spec
    first = images.array[0, 0]
    assert images.labels[0] == 9 and first[:7].max() == 0 and first.max() == 255  # an ankle boot below empty rows


def test_a_directory(registry, root, directory):
    images = open_images(registry, f"folder:{directory}", root=root)
    assert images.array.shape == (6, 1, 8, 8) and images.labels is None
    assert np.array_equal(images.array[0, 0], np.asarray(Image.open(directory / "0.png")))
    assert peek_spec(registry, f"folder:{directory}", root=root) == images.spec


def test_a_zip_with_labels(registry, root, tmp_path):
    images = open_images(registry, f"zip:{make_zip(tmp_path / 'a.zip')}", root=root)
    assert images.array.shape == (4, 3, 8, 8)
    assert images.labels.tolist() == [0, 1, 2, 0] and images.spec.classes == 3


def test_a_zip_that_separates_directories_by_backslashes_has_their_labels(registry, root, tmp_path):
    with zipfile.ZipFile(make_zip(tmp_path / "a.zip", None)) as made, zipfile.ZipFile(tmp_path / "b.zip", "w") as out:
        for number, name in enumerate(sorted(made.namelist())):
            out.writestr(zipfile.ZipInfo(f"{'xy'[number % 2]}\\{Path(name).name}"), made.read(name))
    images = open_images(registry, f"zip:{tmp_path / 'b.zip'}", root=root)
    assert images.class_names == ("x", "y") and sorted(images.labels) == [0, 0, 1, 1]


@pytest.mark.parametrize("labels", [None, '{"labels": null}'])
def test_a_zip_without_labels(registry, root, tmp_path, labels):
    assert open_images(registry, f"zip:{make_zip(tmp_path / 'a.zip', labels)}", root=root).labels is None


def test_resizing_is_recorded_and_crops_to_the_centre(registry, root, tmp_path):
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 200
    (tmp_path / "wide").mkdir()
    Image.fromarray(wide).save(tmp_path / "wide/a.png")
    images = open_images(registry, f"folder:{tmp_path / 'wide'}", size=4, root=root)
    assert images.array.shape == (1, 3, 4, 4) and (images.array == 200).all()
    assert images.resize["antialias"] is True


@pytest.mark.parametrize(
    ("mode", "suffix", "channels"), [("L", "png", 1), ("1", "png", 1), ("P", "png", 3), ("CMYK", "jpeg", 3)]
)
def test_colour_modes_become_one_or_three_channels(registry, root, tmp_path, mode, suffix, channels):
    (tmp_path / "modes").mkdir()
    Image.new("RGB", (8, 8), "white").convert(mode).save(tmp_path / f"modes/a.{suffix}")
    array = open_images(registry, f"folder:{tmp_path / 'modes'}", root=root).array
    assert array.shape == (1, channels, 8, 8) and (array == 255).all()


def test_labels_of_a_directory(registry, root, directory):
    names = [path.relative_to(directory).as_posix() for path in directory.rglob("*.png")]
    labels = {"labels": [[name, int(name[-5])] for name in names]}
    (directory / "dataset.json").write_text(json.dumps(labels))
    images = open_images(registry, f"folder:{directory}", root=root)
    assert images.labels.tolist() == [0, 2, 4, 1, 3, 5]  # deep/ sorts after the digits
    (directory / "deep/5.png").write_bytes(b"bad")
    fewer = open_images(registry, f"folder:{directory}", root=root, skip_bad=True)
    assert fewer.labels.tolist() == [0, 2, 4, 1, 3] and fewer.spec == images.spec


def test_a_further_image_in_a_phones_jpeg_is_no_animation(registry, root, tmp_path):
    (tmp_path / "phone").mkdir()
    red = Image.new("RGB", (8, 8), "red")
    red.save(tmp_path / "phone/a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    array = open_images(registry, f"folder:{tmp_path / 'phone'}", root=root).array
    assert array.shape == (1, 3, 8, 8) and array[0, 0].min() > 200


def test_what_is_not_square_is_named_before_anything_is_decoded(registry, root, tmp_path):
    (tmp_path / "wide").mkdir()
    image(16, 8).save(tmp_path / "wide/a.png")
    with pytest.raises(GanzooError, match=r"a\.png is not square; set data\.size=N"):
        peek_spec(registry, f"folder:{tmp_path / 'wide'}", root=root)
    assert peek_spec(registry, f"folder:{tmp_path / 'wide'}", size=4, root=root) == ImageSpec(3, 4)
    assert not (root / "cache").exists()


def test_a_name_that_is_no_text(registry, root, directory):
    (directory / "a\nb.png").write_bytes(b"bad")
    with pytest.raises(GanzooError, match=r"a\\nb\.png: it cannot be decoded") as caught:
        open_images(registry, f"folder:{directory}", root=root)
    assert "\n" not in str(caught.value)


def test_an_image_of_gigabytes_is_not_read(registry, root, tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo_datasets.files.MOST_BYTES", 1000)
    with zipfile.ZipFile(make_zip(tmp_path / "a.zip", None), "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("huge.png", bytes(1001))
    with pytest.raises(GanzooError, match=r"huge\.png: it takes .* too much for an image"):
        open_images(registry, f"zip:{tmp_path / 'a.zip'}", root=root)


def idx(path: Path, *shape: int, whole: bool = True) -> None:
    """Write a file of zeros in MNIST's format; unless ``whole``, without its last byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, len(shape)]) + b"".join(length.to_bytes(4, "big") for length in shape)
    path.write_bytes(header + bytes(int(np.prod(shape)) - (not whole)))


def test_mnist_from_torchvisions_files(registry, root):
    raw = root / "MNIST/raw"
    for part, count in (("train", 4), ("t10k", 3)):
        idx(raw / f"{part}-images-idx3-ubyte", count, 28, 28)
        idx(raw / f"{part}-labels-idx1-ubyte", count)
    assert [len(open_images(registry, "mnist", split=split, root=root)) for split in ("train", "test")] == [4, 3]
    idx(raw / "t10k-images-idx3-ubyte", 3, 28, 28, whole=False)
    with pytest.raises(GanzooError, match=f"mnist: the files in {raw} are damaged"):
        open_images(registry, "mnist", split="test", root=root)
    idx(raw / "t10k-images-idx3-ubyte", 2, 28, 28)
    with pytest.raises(GanzooError, match="2 images, 3 labels"):
        open_images(registry, "mnist", split="test", root=root)


def test_cifar10_from_a_zip_in_the_root(registry, root):
    root.mkdir()
    make_zip(root / "cifar10-32x32-train.zip")
    images = open_images(registry, "cifar10", root=root)
    assert images.labels.tolist() == [0, 1, 2, 0] and images.spec.classes == 10


def upright_jpeg() -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 3  # upside down
    image = Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 4, 0).repeat(8, 1))
    image.save(stream, "jpeg", exif=exif, quality=95)
    return stream.getvalue()


def test_exif_orientation_is_applied(registry, root, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a.jpg").write_bytes(upright_jpeg())
    array = open_images(registry, f"folder:{tmp_path / 'one'}", root=root).array[0, 0]
    assert array[0].mean() > 200 and array[-1].mean() < 50


def animated() -> bytes:
    stream = io.BytesIO()
    image().save(stream, "webp", save_all=True, append_images=[image(seed=1)], lossless=True)
    return stream.getvalue()


def sixteen_bit() -> bytes:
    return png(Image.fromarray(np.full((8, 8), 40000, np.uint16)))


def bomb() -> bytes:
    stream = io.BytesIO()
    Image.new("1", (20000, 10000)).save(stream, "png")
    return stream.getvalue()


BAD = {
    "broken.png": (b"not an image", "cannot be decoded"),
    "cut.png": (png(image(64, 64, "L"))[:300], "cannot be decoded"),
    "alpha.png": (png(Image.new("RGBA", (8, 8))), "alpha channel"),
    "moving.webp": (animated(), "animated"),
    "bomb.png": (bomb(), "too large"),
    "big.png": (png(image(9, 9, "L")), "9x9, 0.png is 8x8; set data.size"),
    "long.png": (png(image(9, 8, "L")), "not square"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_named_or_skipped(registry, root, directory, name):
    content, says = BAD[name]
    (directory / name).write_bytes(content)
    with pytest.raises(GanzooError) as caught:
        open_images(registry, f"folder:{directory}", root=root)
    message = str(caught.value)
    assert name in message and says in message and "data.skip_bad=true" in message and "\n" not in message
    images = open_images(registry, f"folder:{directory}", root=root, skip_bad=True)
    assert len(images) == 6 and images.skipped == (name,)
    reason = "of another size than 8x8 skipped" if name == "big.png" else f"unreadable skipped ({name})"
    assert str(images.usage) == f"6 of 7 images: 1 {reason}"


@pytest.mark.parametrize(
    ("content", "says"), [(sixteen_bit(), "more than 8 bits"), (png(image(mode="RGBA")), "alpha channel")]
)
def test_what_basic_formats_leave_out_is_named_or_skipped(registry, root, directory, content, says):
    (directory / "z.png").write_bytes(content)
    with pytest.raises(GanzooError, match=rf"z\.png: it has .*{says}.*; set data\.formats=all"):
        open_images(registry, f"folder:{directory}", root=root, formats="basic")
    images = open_images(registry, f"folder:{directory}", root=root, skip_bad=True, formats="basic")
    assert len(images) == 6 and images.skipped == ("z.png",)


def test_nothing_readable_at_all(registry, root, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"no")
    with pytest.raises(GanzooError, match=r"none of its 1 images can be used; the first, a\.png: it cannot"):
        open_images(registry, f"folder:{tmp_path / 'bad'}", root=root, skip_bad=True)


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
            open_images(registry, name, root=root)


def test_a_missing_download_says_where_to_put_it(registry, root, monkeypatch):
    from torchvision import datasets

    def offline(*args, **kwargs):
        raise RuntimeError("no route to host")

    monkeypatch.setattr(datasets.MNIST, "download", offline)
    with pytest.raises(GanzooError, match=f"mnist is not under {root} and cannot be downloaded .no route"):
        open_images(registry, "mnist", root=root)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("{", "is invalid JSON: line 1, column 2"),
        ('{"label": []}', "is not of the form"),
        ('{"labels": [["00000/img00000000.png", 1]]}', "no label for 00000/img00000001.png"),
        ('{"labels": [["00000/img00000000.png", "cat"]]}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", -1]]}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", 1.0]]}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", true]]}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", 1e400]]}', "not a name and a class number"),
        (f'{{"labels": [["00000/img00000000.png", {10**30}]]}}', "not a name and a class number"),
        ('{"labels": [["00000/img00000000.png", 1], ["00000/img00000000.png", 2]]}', "two labels for 00000/img0"),
        (json.dumps({"labels": [[f"00000/img{k:08d}.png", 0] for k in range(5)]}), r"img00000004\.png, which is not"),
        ('{"labels": 3}', "not a name and a class number"),
    ],
)
def test_bad_labels(registry, root, tmp_path, labels, says):
    with pytest.raises(GanzooError, match=says):
        open_images(registry, f"zip:{make_zip(tmp_path / 'a.zip', labels)}", root=root)


def test_a_damaged_member_of_a_zip_is_named(registry, root, tmp_path):
    path = make_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"IHDR")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    with pytest.raises(GanzooError, match=r"img00000000\.png: it is damaged in the zip"):
        open_images(registry, f"zip:{path}", root=root)


def test_reference_splits(registry):
    names = ("fashion-mnist", "mnist", "cifar10", "folder:x")
    assert [parse_data(name, registry)[0].reference for name in names] == ["test", "test", "train", "train"]
