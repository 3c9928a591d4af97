"""Decode one image file to uint8, or give the reason why it cannot be used."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganzoo.config.schema import ALL, BASIC
from ganzoo.data.kinds import FORMATS, PNG_DEPTH, TOO_LARGE, Kind, Unreadable, kind_of, named_formats, not_basic
from ganzoo.interfaces import BadImage, SourceImage
from ganzoo.utils.files import reason_of

ORIENTATION = 0x0112  # the EXIF tag
LYING = {5, 6, 7, 8}  # orientations that swap width and height
SCALED = "scaled from 16 to 8 bits"


def decode_named(name: str, data: bytes, label: int | None = None, formats: str = ALL) -> SourceImage | BadImage:
    """Decode an image file for a source: upright, with its alpha channel if it has one."""
    try:
        with _opened(data, formats) as (image, kind):
            pixels = _pixels(ImageOps.exif_transpose(image), kind)
            return SourceImage(name, pixels, label, (SCALED,) if kind.bits > 8 else (), kind.basic)
    except Unreadable as error:
        return BadImage(name, str(error))


def measure(data: bytes, formats: str = ALL) -> tuple[int, int, int]:
    """Return the shape ``(H, W, C)`` without alpha, from the file's header. Raises Unreadable if it fails."""
    with _opened(data, formats) as (image, kind):
        width, height = kind.size
        if image.getexif().get(ORIENTATION, 1) in LYING:
            width, height = height, width
        return height, width, 1 if kind.grey else 3


def without_alpha(pixels: np.ndarray, background: tuple[int, int, int] | None = None) -> tuple[np.ndarray, bool]:
    """Return uint8 ``(H, W, C)`` without alpha (C of 2 becomes 1, 4 becomes 3), and whether it was transparent.

    An image that is opaque everywhere only loses the channel; any other is flattened onto the background. Raises
    Unreadable if that needs a background and there is none.
    """
    channels = pixels.shape[2]
    if channels not in (2, 4):
        return pixels, False
    colours, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
    if (alpha == 255).all():
        return colours, False
    if background is None:
        raise Unreadable("it has an alpha channel; flatten it onto a background with data.background=white")
    share = alpha.astype(np.uint32)
    onto = np.asarray(shade(background, channels - 1), np.uint32)
    return ((colours * share + onto * (255 - share) + 127) // 255).astype(np.uint8), True


def shade(colour: tuple[int, int, int], channels: int) -> tuple[int, ...]:
    """Return a colour in 3 channels, or its grey value by ITU-R BT.601."""
    return colour if channels == 3 else (int(np.asarray(Image.new("RGB", (1, 1), colour).convert("L"))[0, 0]),)


@contextmanager
def _opened(data: bytes, formats: str) -> Iterator[tuple[Image.Image, Kind]]:
    """Open an image of a supported kind without decoding it. Raises Unreadable, also for errors in the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # broken EXIF data are ignored
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=tuple(FORMATS[formats])) as image:
                kind = kind_of(image, data)
                _scale_hole(image, data)
                if formats == BASIC and not kind.basic:
                    raise not_basic("more than 8 bits a channel" if kind.bits > 8 else "an alpha channel")
                yield image, kind
        except Unreadable:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise Unreadable(TOO_LARGE) from error
        except UnidentifiedImageError as error:  # its own text contains an address in memory
            raise Unreadable(f"it cannot be decoded (not a {named_formats(formats)} file)") from error
        except Exception as error:  # Pillow raises nearly anything on damaged files
            raise Unreadable(f"it cannot be decoded ({reason_of(error)})") from error


def _scale_hole(image: Image.Image, data: bytes) -> None:
    """Give the transparent grey of a PNG with 1, 2 or 4 bits the scale of its pixels, which Pillow makes 0 to 255."""
    hole, most = image.info.get("transparency"), 2 ** data[PNG_DEPTH] - 1 if image.format == "PNG" else 255
    if image.mode in ("1", "L") and isinstance(hole, int) and hole <= most < 255:
        image.info["transparency"] = hole * (255 // most)


def _pixels(image: Image.Image, kind: Kind) -> np.ndarray:
    """Return the pixels, uint8 ``(H, W, C)``, C of 1 or 3, or with alpha 2 or 4."""
    if image.mode.startswith("I"):
        return _scaled(image, kind)
    if kind.alpha:
        array = np.asarray(image.convert("LA" if kind.grey and image.mode != "RGBA" else "RGBA"))
        return array[:, :, [0, 3]] if kind.grey and array.shape[2] == 4 else array
    array = np.asarray(image.convert("L" if kind.grey else "RGB"))
    return array[:, :, None] if array.ndim == 2 else array


def _scaled(image: Image.Image, kind: Kind) -> np.ndarray:
    """Reduce deep grey to its upper 8 bits, as Pillow does with deep colour."""
    deep = np.asarray(image)
    grey = np.clip(deep >> (kind.bits - 8), 0, 255).astype(np.uint8)
    grey = 255 - grey if kind.inverted else grey
    if (hole := image.info.get("transparency")) is None:
        return grey[:, :, None]
    return np.stack([grey, np.where(deep == hole, 0, 255).astype(np.uint8)], axis=2)
