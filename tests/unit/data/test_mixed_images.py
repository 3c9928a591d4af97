"""Image files of phones, scanners and drawing programs: each kind is read, or refused with the name of the file."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.mixed import GREY, KINDS, RED, deep, encoded, half_transparent, opener, png, png16, red, white_is_zero

from ganzoo.errors import GanzooError


@pytest.fixture
def opened(registry, tmp_path):
    return opener(registry, tmp_path)


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


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("hole", [True, False], ids=["transparent", "nowhere used"])
def test_a_transparent_grey_of_few_bits(opened, bits, hole):
    white = 2**bits - 1
    content = png(0, bytes([255] * bits), bits=bits, extra=(white if hole else 0).to_bytes(2, "big"))
    images = opened({"a.png": content}, background="black")
    assert (np.array(images.array) == (0 if hole else 255)).all()


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
