"""Images as phones, scanners and drawing programs write them, mixed: every kind is read or refused by name."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import open_images, peek_spec

from ganzoo.config.resolve import resolve
from ganzoo.data import cache
from ganzoo.data.decode import measure
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.data.usage import Usage
from ganzoo.errors import GanzooError

KINDS = ["folder", "zip", "webdataset", "webdataset-streamed"]
RED, GREY = (200, 30, 40), 120


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def red(width: int = 8, height: int = 8) -> Image.Image:
    return Image.new("RGB", (width, height), RED)


def deep(value: int = 40000) -> Image.Image:
    return Image.fromarray(np.full((8, 8), value, np.uint16))


def half_transparent(colour: tuple[int, ...] = RED) -> Image.Image:
    """The upper half opaque, the lower half not there."""
    array = np.zeros((8, 8, len(colour) + 1), np.uint8)
    array[:, :, :-1] = colour
    array[:4, :, -1] = 255
    return Image.fromarray(array, "LA" if len(colour) == 1 else "RGBA")


def white_is_zero() -> bytes:
    """A TIFF of deep grey whose 0 is white."""
    content = encoded(deep(), "tiff")
    at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00") + 8
    return content[:at] + b"\0" + content[at + 1 :]


def write(files: dict[str, bytes], kind: str, place: Path) -> str:
    """Write the files as a set of that kind; return its name."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    if kind == "folder":
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        return f"folder:{place}"
    if kind == "zip":
        with zipfile.ZipFile(place / "set.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return f"zip:{place / 'set.zip'}"
    with tarfile.open(place / "set.tar", "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return f"{kind}:{place / 'set.tar'}"


@pytest.fixture
def opened(registry, tmp_path):
    """Writes files as a set and opens it; its spec is the one that was foretold."""

    def opens(files: dict[str, bytes], kind: str = "folder", **how):
        name = write(files, kind, tmp_path / "set")
        images = open_images(registry, name, root=tmp_path / "root", **how)
        foretold = {key: value for key, value in how.items() if key in ("size", "channels", "labels", "formats")}
        assert peek_spec(registry, name, root=tmp_path / "root", **foretold) == images.spec
        return images

    return opens


READ = {
    "bmp": ("a.bmp", encoded(red(), "bmp"), RED),
    "bmp of a palette": ("a.bmp", encoded(red().quantize(4), "bmp"), RED),
    "black and white bmp": ("a.bmp", encoded(Image.new("1", (8, 8), 1), "bmp"), (255,)),
    "tiff": ("a.TIFF", encoded(red(), "tiff"), RED),
    "packed tiff": ("a.tif", encoded(red(), "tiff", compression="tiff_lzw"), RED),
    "tiff of one bit": ("a.tif", encoded(Image.new("1", (8, 8), 1), "tiff", compression="group4"), (255,)),
    "tiff for print": ("a.tif", encoded(red().convert("CMYK"), "tiff"), RED),
    "deep tiff": ("a.tif", encoded(deep(), "tiff"), (156,)),
    "deep tiff whose 0 is white": ("a.tif", white_is_zero(), (99,)),
    "gif": ("a.gif", encoded(red(), "gif"), RED),
    "grey gif": ("a.gif", encoded(Image.new("L", (8, 8), GREY), "gif"), (GREY, GREY, GREY)),
    "palette": ("a.png", encoded(red().quantize(4), "png"), RED),
    "one bit": ("a.png", encoded(Image.new("1", (8, 8), 1), "png"), (255,)),
    "deep grey": ("a.png", encoded(deep(), "png"), (156,)),
    "opaque alpha": ("a.png", encoded(red().convert("RGBA"), "png"), RED),
    "opaque grey alpha": ("a.png", encoded(Image.new("LA", (8, 8), (GREY, 255)), "png"), (GREY,)),
    "opaque webp": ("a.webp", encoded(red().convert("RGBA"), "webp", lossless=True, exact=True), RED),
    "a transparent colour nowhere used": ("a.png", encoded(red(), "png", transparency=(1, 2, 3)), RED),
    "jfif": ("a.jfif", encoded(red(), "jpeg", quality=100, subsampling=0), RED),
    "a gif by another name": ("a.png", encoded(red(), "gif"), RED),
}


@pytest.mark.parametrize("what", READ)
@pytest.mark.parametrize("kind", ["folder", "webdataset-streamed"])
def test_it_is_read(opened, what, kind):
    name, content, colour = READ[what]
    images = opened({name: content}, kind)
    array = np.array(images.array)
    assert array.shape == (1, len(colour), 8, 8)
    assert np.abs(array.astype(int) - np.reshape(colour, (1, -1, 1, 1))).max() <= 2
    assert str(images.usage).startswith("1 of 1 images")
    assert ("1 scaled from 16 to 8 bits" in str(images.usage)) == ("deep" in what)


def png16(colour_type: int, sample: bytes, extra: bytes = b"") -> bytes:
    """An 8x8 PNG of 16 bits a channel whose every pixel is that sample."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0)
    rows = zlib.compress((b"\0" + sample * 8) * 8)
    holes = chunk(b"tRNS", extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + holes + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "background", "colour"),
    [
        (png16(2, bytes([200, 1, 30, 2, 40, 3])), None, RED),
        (png16(6, bytes([200, 1, 30, 2, 40, 3, 255, 255])), None, RED),
        (png16(6, bytes([200, 1, 30, 2, 40, 3, 0, 0])), "white", (255, 255, 255)),
        (png16(4, bytes([120, 1, 255, 255])), None, (GREY,)),
        (png16(4, bytes([120, 1, 0, 0])), "white", (255,)),
        (png16(0, bytes([120, 1]), extra=bytes([120, 1])), "white", (255,)),
        (png16(0, bytes([120, 1]), extra=bytes([120, 0])), None, (GREY,)),
    ],
)
def test_deep_png_of_every_kind(opened, content, background, colour):
    images = opened({"a.png": content}, background=background)
    assert (images.array == np.reshape(colour, (1, -1, 1, 1))).all()
    assert "1 scaled from 16 to 8 bits" in str(images.usage)


TRANSPARENT = {
    "png": ("a.png", encoded(half_transparent(), "png"), RED),
    "grey": ("a.png", encoded(half_transparent((GREY,)), "png"), (GREY,)),
    "webp": ("a.webp", encoded(half_transparent(), "webp", lossless=True, exact=True), RED),
    "tiff": ("a.tif", encoded(half_transparent(), "tiff"), RED),
    "palette": ("a.png", encoded(half_transparent().quantize(4), "png"), RED),
    "gif": ("a.gif", encoded(half_transparent(), "gif"), RED),
}


@pytest.mark.parametrize("what", TRANSPARENT)
@pytest.mark.parametrize("kind", KINDS)
def test_transparent_pixels_show_the_background(opened, what, kind):
    name, content, colour = TRANSPARENT[what]
    with pytest.raises(GanzooError, match=r"a\.\w+: it has an alpha channel; flatten it .*data\.background=white"):
        opened({name: content}, kind)
    images = opened({name: content}, kind, background="#ffffff")
    array = np.array(images.array)
    assert (array[0, :, 4:] == 255).all()
    assert np.abs(array[0, :, :4].astype(int) - np.reshape(colour, (-1, 1, 1))).max() <= 2
    assert "1 of 1 images: 1 flattened onto #ffffff" in str(images.usage)


def test_half_a_shadow_is_mixed_with_the_background(opened):
    shadow = Image.new("RGBA", (8, 8), (0, 0, 0, 51))
    images = opened({"a.png": encoded(shadow, "png")}, background="red")
    assert (images.array == np.reshape((204, 0, 0), (1, 3, 1, 1))).all()


def test_in_a_grey_image_the_background_is_its_grey(opened):
    images = opened({"a.png": encoded(half_transparent((GREY,)), "png")}, background="#ff0000")
    assert images.spec.channels == 1 and (images.array[0, 0, 4:] == 76).all()


def test_one_background_is_one_set_by_whatever_name(opened):
    files = {"a.png": encoded(half_transparent(), "png")}
    keys = [opened(files, background=name).fingerprint for name in ("white", "#FFFFFF", "black")]
    assert keys[0] == keys[1] != keys[2]


REFUSED = {
    "moving gif": ("a.gif", encoded(red(), "gif", save_all=True, append_images=[Image.new("RGB", (8, 8))]), "animated"),
    "tiff of pages": (
        "a.tif",
        encoded(red(), "tiff", save_all=True, append_images=[Image.new("RGB", (8, 8))]),
        "it has pages; save one",
    ),
    "tiff of floats": ("a.tif", encoded(Image.new("F", (8, 8)), "tiff"), "its colour mode F is not supported"),
    "tiff of 32 bits": ("a.tif", encoded(Image.new("I", (8, 8)), "tiff"), "its colour mode I is not supported"),
    "lab": ("a.tif", encoded(Image.new("LAB", (8, 8)), "tiff"), "its colour mode LAB is not supported"),
    "deep with a hole": ("a.png", png16(2, bytes(6), extra=bytes(6)), "a transparent colour; convert it to 8 bits"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_by_name_or_skipped(opened, what, kind):
    name, content, says = REFUSED[what]
    files = {name: content, "b.png": encoded(red(), "png")}
    with pytest.raises(GanzooError) as caught:
        opened(files, kind)
    assert name in str(caught.value) and says in str(caught.value) and "\n" not in str(caught.value)
    assert "1 of 2 images: 1 unreadable skipped" in str(opened(files, kind, skip_bad=True).usage)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_an_image_becomes_square_as_asked(opened, kind, fit):
    """Twice as wide as high: black, white and grey beside each other."""
    strip = np.zeros((16, 32), np.uint8)
    strip[:, 8:24] = 255
    strip[:, 24:] = 100
    images = opened({"a.png": encoded(Image.fromarray(strip), "png")}, kind, size=8, fit=fit)
    found = np.array(images.array)[0, 0].astype(int)
    if fit == "crop":
        assert (found == 255).all()
        words = "cropped to the centre square"
    elif fit == "pad":
        assert (found[:2] == 0).all() and (found[6:] == 0).all()
        assert (found[2:6, 3:5] > 240).all() and (found[2:6, 0] < 15).all() and (abs(found[2:6, 7] - 100) < 15).all()
        words = "padded to a square with black"
    else:
        assert (found[:, 3:5] > 240).all() and (found[:, 0] < 15).all() and (abs(found[:, 7] - 100) < 15).all()
        words = "stretched to a square"
    assert f"1 of 1 images: 1 {words}" in str(images.usage)
    assert ("crop" in images.resize) == (fit == "crop")


def test_padding_shows_the_background(opened):
    images = opened({"a.png": encoded(red(4, 8), "png")}, size=8, fit="pad", background="#0000ff")
    assert (images.array[0, :, :, :2] == np.reshape((0, 0, 255), (3, 1, 1))).all()
    assert (images.array[0, :, :, 2:6] == np.reshape(RED, (3, 1, 1))).all()
    assert "1 padded to a square with #0000ff" in str(images.usage)


def test_a_line_of_pixels_can_be_padded(opened):
    images = opened({"a.png": encoded(red(2000, 1), "png")}, size=8, fit="pad")
    assert images.array.shape == (1, 3, 8, 8) and images.array.max() == 200


def test_a_fit_without_a_size_is_refused(opened, registry, tmp_path):
    with pytest.raises(GanzooError, match=r"data\.fit=pad .*set data\.size=N"):
        opened({"a.png": encoded(red(), "png")}, fit="pad")
    config = resolve(registry, "mlp+minimax", None, [f"data.name=folder:{tmp_path / 'set'}", "data.fit=stretch"])
    with pytest.raises(GanzooError, match=r"data\.fit=stretch .*set data\.size=N"):
        peek_configured(config, tmp_path / "root")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("data.background=whit", "data.background is 'whit', must be the name of a colour or #rrggbb"),
        ("data.background=#ffffff80", "must be the name of a colour or #rrggbb"),
        ("data.fit=squash", "data.fit is 'squash', must be one of crop, pad, stretch"),
        ("data.formats=png", "data.formats is 'png', must be one of all, basic"),
    ],
)
def test_a_wrong_setting_is_named(registry, setting, says):
    with pytest.raises(GanzooError, match=says):
        resolve(registry, "mlp+minimax", None, [setting])


def photographs() -> dict[str, bytes]:
    """Every mode a phone, a scanner or a page of the web brings, of many sizes; most of them colour photographs."""
    turned = Image.Exif()
    turned[0x0112] = 6
    makers = [
        lambda image: ("jpg", encoded(image, "jpeg", exif=turned)),
        lambda image: ("jpg", encoded(image, "jpeg")),
        lambda image: ("jpeg", encoded(image.convert("CMYK"), "jpeg")),
        lambda image: ("png", encoded(image.quantize(16), "png")),
        lambda image: ("png", encoded(image.convert("RGBA"), "png")),
        lambda image: ("png", encoded(Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257), "png")),
        lambda image: ("png", encoded(image.convert("L"), "png")),
        lambda image: ("bmp", encoded(image, "bmp")),
        lambda image: ("tif", encoded(image, "tiff", compression="tiff_deflate")),
        lambda image: ("gif", encoded(image, "gif")),
        lambda image: ("webp", encoded(image, "webp")),
    ]
    files = {}
    for number in range(2 * len(makers)):
        image = Image.effect_noise((20 + 3 * number, 50 - number), 60).convert("RGB")
        suffix, content = makers[number % len(makers)](image)
        files[f"{number:02d}.{suffix}"] = content
    return files


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_phone_holds_is_read_with_a_size_alone(registry, tmp_path, kind):
    name = write(photographs(), kind, tmp_path / "set")
    config = resolve(registry, "mlp+minimax", None, [f"data.name={name}", "data.size=16"])
    images = open_configured(config, root=tmp_path / "root")
    assert images.array.shape == (22, 3, 16, 16) == (22, *peek_shape(config, tmp_path))
    assert str(images.usage).startswith(
        "22 of 22 images: 4 converted from grey to colour, 22 cropped to the centre square, 2 scaled from 16 to 8 bits"
    )
    assert Usage.read(images.usage.as_dict()) == images.usage


def peek_shape(config, tmp_path) -> tuple[int, int, int]:
    spec = peek_configured(config, tmp_path / "root")
    return spec.channels, spec.size, spec.size


def test_streamed_images_are_those_that_are_kept(opened):
    files = {**photographs(), "z.png": encoded(half_transparent(), "png")}
    how = {"size": 16, "fit": "pad", "background": "orange"}
    kept, streamed = (np.array(opened(files, kind, **how).array) for kind in ("webdataset", "webdataset-streamed"))
    np.testing.assert_array_equal(kept, streamed)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_lies_as_its_header_says(opened, orientation):
    turned = Image.Exif()
    turned[0x0112] = orientation
    content = encoded(Image.new("L", (6, 4)), "tiff", exif=turned)
    height, width, _ = measure(content)
    assert (height, width) == ((6, 4) if orientation > 4 else (4, 6))
    with pytest.raises(GanzooError, match=f"it is {width}x{height}, not square"):
        opened({"a.tif": content, "b.png": encoded(red(), "png")})


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
        assert "files of the system passed over: 1 .DS_Store, 1 Thumbs.db, 1 desktop.ini" in said


OLD = {"a.png": encoded(red(), "png"), "b.png": encoded(Image.new("L", (8, 8), 9), "png")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_of_before_keeps_its_key(opened, registry, tmp_path, kind):
    """What was cached is found, with new settings and those of a run from before."""
    before = opened(OLD, kind, formats="basic")
    assert opened(OLD, kind).fingerprint == before.fingerprint
    (made,) = (tmp_path / "root/cache").iterdir()
    assert made.name == before.fingerprint[:32]


def test_the_key_is_that_of_before_to_the_digit(opened, monkeypatch):
    """Of the settings there were: content, size, resizing and skip_bad alone, channels where they are not auto."""
    monkeypatch.setattr("ganzoo_datasets.files.Folder.content_key", lambda _: "content")
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
    """Both find their own, whichever was there first."""
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
    with pytest.raises(GanzooError, match=r"dataset\.json is invalid JSON: line 3, column 1: .*; mend or remove it"):
        opened(files)
    with pytest.raises(GanzooError, match=r"dataset\.json is invalid JSON: a key stands twice in it"):
        opened({**files, "dataset.json": b'{"labels": null, "labels": null}'})
    with pytest.raises(GanzooError, match=r"dataset\.json is not of the form"):
        opened({**files, "dataset.json": b'{"label": []}'})


def test_an_image_without_a_label_that_was_passed_over_before(opened):
    files = {"a.png": OLD["a.png"], "b.gif": encoded(red(), "gif"), "dataset.json": b'{"labels": [["a.png", 0]]}'}
    with pytest.raises(GanzooError, match=r"no label for b\.gif; .*or set data\.formats=basic"):
        opened(files)
    assert opened(files, formats="basic").labels.tolist() == [0]


def test_an_address_is_named_whole_and_says_what_to_do(registry, tmp_path):
    for kind, says in (("zip", "download the file"), ("folder", "download the files")):
        address = "https://example.org/set.zip"
        with pytest.raises(GanzooError, match=f"{address} is an address; {says} and write data.name={kind}:PATH"):
            open_images(registry, f"{kind}:{address}", root=tmp_path)


def test_a_bare_path_is_answered_with_the_name_of_its_set(registry, tmp_path):
    (tmp_path / "set").mkdir()
    for file in ("set.ZIP", "set.tar", "set.rar"):
        (tmp_path / file).touch()
    for path, says in (
        ("set", f"write data.name=folder:{tmp_path}/set"),
        ("set.ZIP", f"write data.name=zip:{tmp_path}/set.ZIP"),
        ("set.tar", f"write data.name=webdataset:{tmp_path}/set.tar"),
        ("set.rar", "a file of images is .tar or .zip; name one, or a directory"),
        ("nowhere", "there is no such file or directory, and no such data set; write folder:PATH or zip:PATH"),
    ):
        with pytest.raises(GanzooError, match=re.escape(says)):
            resolve(registry, "mlp+minimax", None, [f"data.name={tmp_path}/{path}"])
    with pytest.raises(GanzooError, match=r"fashion-10k"):
        resolve(registry, "mlp+minimax", None, ["data.name=fashion-11k"])
