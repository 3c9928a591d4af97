"""Kinds of image files: the supported formats, and the properties in a file's header."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

from PIL import Image

from ganzoo.config.schema import ALL, BASIC

# By data.formats: Pillow's names and the names in messages.
FORMATS = {
    ALL: {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF"},
    BASIC: {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP"},
}
GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"}
COLOUR = {"RGB", "P", "CMYK", "YCbCr", "RGBA", "RGBa", "PA"}
ALPHA = {"RGBA", "RGBa", "LA", "La", "PA"}
PNG_DEPTH, PNG_TYPE = 24, 25  # the bytes of a PNG with the bits per sample and the colour type
PNG_GREY_ALPHA = 4
WIDTH, HEIGHT, BITS, PHOTOMETRIC, TILE_WIDTH, TILE_HEIGHT = 256, 257, 258, 262, 322, 323  # TIFF's tags
WHITE_IS_ZERO = 0
ANIMATED = "it is animated; save one frame"
TOO_LARGE = "it is too large to be decoded safely; make it smaller"

# Pillow's log messages about damaged files would only repeat the error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Unreadable(ValueError):
    """An image cannot be used. The message is the reason, without the image's name."""


def not_basic(what: str) -> Unreadable:
    """Return the error for an image with a property that ``data.formats=basic`` does not read."""
    return Unreadable(f"it has {what}; set data.formats=all to read it")


@dataclass(frozen=True)
class Kind:
    """The properties of an image file, read from its header.

    size: width and height as stored. bits: the bits of a channel, at least 8. grey: whether there is one channel, not
    counting alpha. alpha: whether some pixels may be transparent. inverted: whether it is deep grey whose 0 is white.
    basic: whether ``data.formats=basic`` also reads it.
    """

    size: tuple[int, int]
    bits: int
    grey: bool
    alpha: bool
    inverted: bool
    basic: bool


def named_formats(formats: str = ALL) -> str:
    """Return the formats that ``data.formats`` reads, in words: ``PNG, JPEG or WebP``."""
    *first, last = FORMATS[formats].values()
    return f"{', '.join(first)} or {last}"


def kind_of(image: Image.Image, data: bytes) -> Kind:
    """Read the header of an opened image file. Raises Unreadable if its kind is not supported."""
    _refuse_frames(image, data)
    _refuse_tiles(image)
    png = image.format == "PNG"
    bits = data[PNG_DEPTH] if png else _tiff_bits(image)
    # Older versions of Pillow open a deep grey PNG in the 32-bit mode "I".
    if image.mode not in GREY | COLOUR and not (png and image.mode == "I"):
        raise Unreadable(f"its colour mode {image.mode} is not supported; convert it to RGB")
    hole = "transparency" in image.info
    if hole and bits > 8 and image.mode == "RGB":
        raise Unreadable("it has more than 8 bits and a transparent colour; convert it to 8 bits")
    return Kind(
        size=(_tag(image, WIDTH, image.width), _tag(image, HEIGHT, image.height)),
        bits=max(8, bits),
        grey=image.mode in GREY or image.mode == "I" or (png and data[PNG_TYPE] == PNG_GREY_ALPHA),
        alpha=hole or image.mode in ALPHA,
        inverted=bits > 8 and _tag(image, PHOTOMETRIC, 1) == WHITE_IS_ZERO,
        basic=(image.format or "") in (*FORMATS[BASIC], "MPO") and bits <= 8 and not hole and image.mode not in ALPHA,
    )


def _refuse_frames(image: Image.Image, data: bytes) -> None:
    if image.format in ("GIF", "TIFF"):
        # Look only for a second frame, since a file can claim millions of them.
        with Image.open(io.BytesIO(data), formats=(image.format,)) as other:
            try:
                other.seek(1)
            except EOFError:
                return
        raise Unreadable("it has pages; save one of them" if image.format == "TIFF" else ANIMATED)
    # A phone's JPEG may contain further images (MPO); the first is the photograph.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise Unreadable(ANIMATED)


def _refuse_tiles(image: Image.Image) -> None:
    """Refuse a TIFF whose tiles claim more pixels than an image may have."""
    if Image.MAX_IMAGE_PIXELS and _tag(image, TILE_WIDTH, 0) * _tag(image, TILE_HEIGHT, 0) > Image.MAX_IMAGE_PIXELS:
        raise Unreadable(TOO_LARGE)


def _tiff_bits(image: Image.Image) -> int:
    bits = getattr(image, "tag_v2", {}).get(BITS, 8)
    return max(bits) if isinstance(bits, tuple) else int(bits)


def _tag(image: Image.Image, tag: int, default: int) -> int:
    """Return the value of a TIFF tag; the default for other files."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
