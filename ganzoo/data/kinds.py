"""Kinds of image files: which are read, and what the header of one says."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

from PIL import Image

from ganzoo.config.schema import ALL, BASIC

# By data.formats, as Pillow calls them and as they are written.
FORMATS = {
    ALL: {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF"},
    BASIC: {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP"},
}
GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"}
COLOUR = {"RGB", "P", "CMYK", "YCbCr", "RGBA", "RGBa", "PA"}
ALPHA = {"RGBA", "RGBa", "LA", "La", "PA"}
PNG_DEPTH, PNG_TYPE = 24, 25  # the bytes of a PNG that say how many bits a sample has, and which samples there are
PNG_GREY_ALPHA = 4
WIDTH, HEIGHT, BITS, PHOTOMETRIC, TILE_WIDTH, TILE_HEIGHT = 256, 257, 258, 262, 322, 323  # TIFF's tags
WHITE_IS_ZERO = 0
ANIMATED = "it is animated; save one frame"
TOO_LARGE = "it is too large to be decoded safely; make it smaller"

# Of what Pillow logs about a damaged file, the one line of the error is enough.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Unreadable(ValueError):
    """Why an image cannot be used, without its name."""


def not_basic(what: str) -> Unreadable:
    """Say that ``data.formats=basic`` does not read an image that has this."""
    return Unreadable(f"it has {what}; set data.formats=all to read it")


@dataclass(frozen=True)
class Kind:
    """What the header of an image file says.

    size: width and height as stored. bits: of a channel, at least 8. grey: one channel, beside alpha. alpha: some
    pixels may be transparent. inverted: deep grey whose 0 is white. basic: ``data.formats=basic`` reads it too.
    """

    size: tuple[int, int]
    bits: int
    grey: bool
    alpha: bool
    inverted: bool
    basic: bool

    @property
    def deep_grey(self) -> bool:
        """Grey without alpha that Pillow decodes to more than 8 bits."""
        return self.grey and self.bits > 8


def named_formats(formats: str = ALL) -> str:
    """Name the formats that ``data.formats`` reads: ``PNG, JPEG or WebP``."""
    *first, last = FORMATS[formats].values()
    return f"{', '.join(first)} or {last}"


def kind_of(image: Image.Image, data: bytes) -> Kind:
    """Read the header of an opened image file. Raises Unreadable for a kind that is not supported."""
    _refuse_frames(image, data)
    _refuse_tiles(image)
    png = image.format == "PNG"
    bits = data[PNG_DEPTH] if png else _tiff_bits(image)
    # Older versions of Pillow open deep grey of a PNG in the mode of 32 bits.
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
        # No further than the second frame, as a file can claim millions of them.
        with Image.open(io.BytesIO(data), formats=(image.format,)) as other:
            try:
                other.seek(1)
            except EOFError:
                return
        raise Unreadable("it has pages; save one of them" if image.format == "TIFF" else ANIMATED)
    # A JPEG of a phone may carry further images (MPO); the first is the photograph.
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
    """A TIFF's tag; the default for other files."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
