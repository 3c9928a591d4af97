"""``data.fit`` makes images square, and ``data.size`` is the only setting that mixed images need."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.mixed import KINDS, RED, encoded, half_transparent, opener, red, write

from ganzoo.config.resolve import resolve
from ganzoo.data.decode import measure
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.data.usage import Usage
from ganzoo.errors import GanzooError


@pytest.fixture
def opened(registry, tmp_path):
    return opener(registry, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_an_image_becomes_square_as_asked(opened, kind, fit):
    """A strip of black, white and grey, twice as wide as high, is cropped, padded or stretched to a square."""
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
    """Return 22 image files of many sizes, 18 in colour, in formats and modes of phones, scanners and the web."""
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
