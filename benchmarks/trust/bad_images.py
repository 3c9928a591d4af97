"""Images that are damaged, hostile or only unusual, each alone in a directory."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from cases import Case, zoo
from PIL import Image

from ganzoo.config.recipe import parse_data
from ganzoo.data.factory import open_dataset

SIZE = 8
ROTATED = 0x0112  # the EXIF tag of the orientation
RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(image: Image.Image, kind: str = "png", **options: object) -> bytes:
    """Return an image as the bytes of a file. kind: Pillow's name of the format."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(colour: tuple[int, int, int] = RED, mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (SIZE, SIZE), colour).convert(mode)


def png(
    width: int, height: int, depth: int = 8, colour: int = 2, chunk: bytes = b"", rows: bytes | None = None
) -> bytes:
    """Return a PNG whose header claims this size, depth and colour type.

    rows: the uncompressed pixel data, which need not match; by default black, or none from 2²⁰ pixels on.
    """
    channels = {0: 1, 2: 3, 4: 2}[colour]
    if rows is None:
        rows = bytes((1 + width * channels * depth // 8) * height) if width * height < 2**20 else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + chunk
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with compressed content, as profiles and texts have it."""
    return _chunk(kind, b"x\0\0" + zlib.compress(content))


def halves(first: tuple[int, int, int], second: tuple[int, int, int]) -> Image.Image:
    """Return an image with one colour in the upper half and another in the lower half."""
    array = np.zeros((SIZE, SIZE, 3), np.uint8)
    array[: SIZE // 2], array[SIZE // 2 :] = first, second
    return Image.fromarray(array)


def feed(content: bytes, name: str, expected: tuple[int, ...] | None, place: Path) -> str:
    """Open a directory with only this file as a data set. expected: the approximate colour of its first pixel."""
    (place / "set").mkdir()
    (place / "set" / name).write_bytes(content)
    return opened(f"folder:{place / 'set'}", place, expected)


def opened(name: str, place: Path, expected: tuple[int, ...] | None = None) -> str:
    """Open a data set and return its content in words. Raises AssertionError if the first pixel is not as expected."""
    images = open_dataset(*parse_data(name, zoo()), name, root=place / "root")
    first = images.array[0, :, 0, 0]
    if expected is not None and np.abs(first.astype(int) - expected).max() > 3:
        raise AssertionError(f"its first pixel is {first.tolist()}, not {expected}")
    spec = images.spec
    return f"{len(images)} image{'s' * (len(images) > 1)} of {spec.channels}×{spec.size}×{spec.size}"


def _special(make: Callable[[Path], object], place: Path) -> str:
    (place / "set").mkdir()
    make(place / "set/x.png")
    return opened(f"folder:{place / 'set'}", place)


def _link(target: str, file: Path) -> None:
    file.symlink_to(target)


def _link_to_image(file: Path) -> None:
    outside = file.parent.parent / "outside.png"
    outside.write_bytes(encoded(plain()))
    file.symlink_to(outside)


def _turned() -> bytes:
    exif = Image.Exif()
    exif[ROTATED] = 3  # upside down
    return encoded(halves(BLUE, RED), "jpeg", exif=exif, quality=95, subsampling=0)


def case(
    what: str, content: bytes, says: str = "", name: str = "x.png", expected: tuple[int, ...] | None = RED
) -> Case:
    """Return the case of one file alone in a directory.

    says: text of the refusal; "" if the file must be read, with ``expected`` as its first pixel.
    """
    return Case(what, partial(feed, content, name, None if says else expected), says)


def cases() -> list[Case]:
    """Return all cases of this file."""
    frames = {"save_all": True, "append_images": [plain(BLUE)]}
    bomb = encoded(Image.new("1", (20000, 10000)))
    unknown = Image.Exif()
    unknown[ROTATED] = 99
    return [
        case("a file of no bytes", b"", "x.png: it cannot be decoded (not a PNG, JPEG, WebP, BMP, TIFF or GIF file)"),
        case("text named .png", b"no image", "x.png: it cannot be decoded (not a PNG, JPEG, WebP, BMP, TIFF or GIF"),
        case("a GIF named .png", encoded(plain(), "gif")),
        case("a TIFF named .png", encoded(plain(), "tiff")),
        case("an ICO named .png", encoded(plain(), "ico", bitmap_format="bmp"), "x.png: it cannot be decoded (not a"),
        case("an AVIF's first bytes", b"\0\0\0\x20ftypavif\0\0\0\0", "x.png: it cannot be decoded (not a PNG"),
        case("EPS, which Pillow would hand to Ghostscript", b"%!PS-Adobe-3.0 EPSF-3.0\n", "x.png: it cannot be"),
        case("an SVG named .png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.png: it cannot be decoded"),
        case("a PNG cut short", encoded(halves(RED, BLUE).resize((64, 64)))[:120], "x.png: it cannot be decoded"),
        case(
            "a JPEG cut short", encoded(plain().resize((64, 64)), "jpeg")[:-40], "x.jpg: it cannot be decoded", "x.jpg"
        ),
        case(
            "a PNG with a wrong checksum",
            encoded(plain())[:29] + b"\0\0\0\0" + encoded(plain())[33:],
            "x.png: it cannot",
        ),
        case("a PNG of 200,000,000 pixels in 25 KB (decompression bomb)", bomb, "x.png: it is too large to be decoded"),
        case("a PNG that claims 2³¹-1 by 2³¹-1", png(2**31 - 1, 2**31 - 1), "x.png: it is too large to be decoded"),
        case("a PNG that claims 2³¹-1 by 1", png(2**31 - 1, 1), "x.png: it is too large to be decoded"),
        case("a PNG that claims 0 by 0", png(0, 0), "x.png: it cannot be decoded"),
        case(
            "64 MiB of text in a PNG, packed into 64 KB",
            png(SIZE, SIZE, chunk=packed_chunk(b"zTXt", bytes(2**26))),
            "x.png: it cannot be decoded (Decompressed data too large",
        ),
        case(
            "64 MiB of colour profile in a PNG, packed",
            png(SIZE, SIZE, chunk=packed_chunk(b"iCCP", bytes(2**26))),
            "x.png: it cannot be decoded (Decompressed data too large",
        ),
        case("16 bits, grey", png(SIZE, SIZE, depth=16, colour=0), expected=(0,)),
        case("16 bits, colour", png(SIZE, SIZE, depth=16), expected=(0, 0, 0)),
        case("2 bits, grey", png(SIZE, SIZE, depth=2, colour=0), expected=(0,)),
        case("opaque alpha", encoded(plain(mode="RGBA"))),
        case("transparent", encoded(Image.new("RGBA", (SIZE, SIZE))), "x.png: it has an alpha channel; flatten it"),
        case(
            "transparent in its palette", encoded(plain().quantize(2), transparency=0), "x.png: it has an alpha channel"
        ),
        case("CMYK", encoded(plain(mode="CMYK"), "jpeg"), name="x.jpg"),
        case("palette", encoded(plain(mode="P"))),
        case("a transparent place in its palette that no pixel has", encoded(plain(mode="P"), transparency=0)),
        case("black and white", encoded(plain((255, 255, 255), "1")), expected=(255,)),
        case("animated WebP", encoded(plain(), "webp", **frames), "x.webp: it is animated; save one frame", "x.webp"),
        case("animated PNG", encoded(plain(), "png", **frames), "x.png: it is animated; save one frame"),
        case("a phone's JPEG with a second image (MPO)", encoded(plain(), "mpo", **frames), name="x.jpg"),
        case("upside down by its EXIF", _turned(), name="x.jpg"),
        case("EXIF that is noise", encoded(plain(), "jpeg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), name="x.jpg"),
        case("EXIF with an orientation that does not exist", encoded(plain(), "jpeg", exif=unknown), name="x.jpg"),
        case(
            "a colour profile that is noise, PNG",
            png(SIZE, SIZE, chunk=packed_chunk(b"iCCP", b"noise")),
            expected=(0, 0, 0),
        ),
        case("a colour profile that is noise, JPEG", encoded(plain(), "jpeg", icc_profile=b"noise"), name="x.jpg"),
        case("not square", encoded(plain().resize((9, 8))), "x.png: it is 9x8, not square; set data.size=N"),
        case(
            "a name with a line break, a terminal's escape and an incomplete character",
            b"no image",
            r"a\n\x1b[31mb\udcff.png: it cannot be decoded",
            os.fsdecode(b"a\n\x1b[31mb\xff.png"),
        ),
        Case("a pipe named x.png", partial(_special, os.mkfifo), "x.png: it is a pipe, a socket or a device, no file"),
        Case(
            "a link named x.png to /dev/zero", partial(_special, partial(_link, "/dev/zero")), "x.png: it is a pipe, a"
        ),
        Case(
            "a link named x.png to nothing",
            partial(_special, partial(_link, "gone")),
            "x.png: it cannot be read (No such",
        ),
        Case(
            "a link named x.png to itself",
            partial(_special, partial(_link, "x.png")),
            "x.png: it cannot be read (Too many",
        ),
        Case(
            "a link named x.png to /proc/self/environ",
            partial(_special, partial(_link, "/proc/self/environ")),
            "x.png: it cannot be decoded (not a PNG",
        ),
        Case("a link to an image outside the directory (sets may lie in a store)", partial(_special, _link_to_image)),
    ]
