"""BMP, TIFF and GIF files that are damaged, hostile or only unusual, each alone in a directory."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from bad_images import BLUE, RED, case, encoded, plain
from cases import Case
from PIL import Image

HUGE = 2**20  # pixels on a side: 3 TiB
LIMITLESS = 60_000  # number of tags; the value of each is as long as the file
Tag = tuple[int, int, int, int]  # number, type, count, and the value or its offset


def tiff(tags: Iterable[Tag], rest: bytes = b"", after: int = 0) -> bytes:
    """Return a TIFF with these tags, followed by ``rest``. after: the offset of the next page, 0 for none."""
    known = sorted(tags)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(known))
    return head + b"".join(struct.pack("<HHII", *tag) for tag in known) + struct.pack("<I", after) + rest


def header(width: int = 8, height: int = 8, **changed: Tag) -> list[Tag]:
    """Return the tags of an uncompressed colour image whose pixels follow the tags. changed: tags to replace or add."""
    end = 8 + 2 + 12 * 10 + 4
    tags = {
        "width": (256, 4, 1, width),
        "height": (257, 4, 1, height),
        "bits": (258, 3, 3, end),
        "packing": (259, 3, 1, 1),
        "colours": (262, 3, 1, 2),
        "strips": (273, 4, 1, end + 6),
        "samples": (277, 3, 1, 3),
        "rows": (278, 4, 1, height),
        "bytes": (279, 4, 1, 3 * 64),
        "planes": (284, 3, 1, 1),
    }
    return list((tags | changed).values())


def tiled(side: int) -> list[Tag]:
    """Return the tags of the same image as one compressed tile of ``side`` x ``side`` pixels."""
    bits = (258, 3, 3, 8 + 2 + 12 * 11 + 4)  # the offset after eleven tags
    kept = [tag for tag in header(packing=(259, 3, 1, 5), bits=bits) if tag[0] not in (273, 278, 279)]
    return [*kept, (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8), (325, 4, 1, 64)]


PIXELS = struct.pack("<3H", 8, 8, 8) + bytes(RED) * 64


def bmp(width: int, height: int, depth: int = 24, packing: int = 0, colours: int = 0, pixels: bytes = b"") -> bytes:
    """Return a BMP whose header claims this size. The rest of the file need not match."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, packing, len(pixels), 0, 0, colours, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + info + pixels


def gif(width: int, height: int, blocks: bytes) -> bytes:
    """Return a GIF with two colours and these blocks, whose header claims this size."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(RED) + bytes(BLUE) + blocks


def frame(width: int = 8, height: int = 8, data: bytes = b"\2\7\x84\x8f\xa9\xcb\xed\x5d\0\0") -> bytes:
    """Return a GIF's frame that claims this size, with this compressed data."""
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + data


def cases() -> list[Case]:
    """Return all cases of this file."""
    large, broken = "it is too large to be decoded", "it cannot be decoded"
    frames = {"save_all": True, "append_images": [plain(BLUE)]}
    wide = plain().resize((64, 64))
    return [
        case("BMP: colour", encoded(plain(), "bmp"), name="x.bmp"),
        case("BMP: a palette", encoded(plain(mode="P"), "bmp"), name="x.bmp"),
        case("BMP: upside down, as its negative height says", bmp(8, -8, pixels=bytes(RED[::-1]) * 64), name="x.bmp"),
        case("BMP: cut short", encoded(wide, "bmp")[:200], f"x.bmp: {broken}", "x.bmp"),
        case("BMP: a header alone", encoded(plain(), "bmp")[:30], f"x.bmp: {broken}", "x.bmp"),
        case("BMP: claims 2²⁰ by 2²⁰", bmp(HUGE, HUGE), f"x.bmp: {large}", "x.bmp"),
        case("BMP: claims -1 by 8", bmp(-1, 8), f"x.bmp: {large}", "x.bmp"),
        case("BMP: 7 bits", bmp(8, 8, depth=7), f"x.bmp: {broken}", "x.bmp"),
        case("BMP: packed as nobody knows", bmp(8, 8, packing=77), f"x.bmp: {broken}", "x.bmp"),
        case("BMP: 4 thousand million colours", bmp(8, 8, depth=8, colours=2**32 - 1), f"x.bmp: {broken}", "x.bmp"),
        case("BMP: run lengths that end early", bmp(8, 8, 8, 1, 0, bytes(1024) + b"\1"), f"x.bmp: {broken}", "x.bmp"),
        case("TIFF: colour", tiff(header(), PIXELS), name="x.tif"),
        case("TIFF: for print", encoded(plain(mode="CMYK"), "tiff"), name="x.tif"),
        case("TIFF: packed", encoded(plain(), "tiff", compression="tiff_adobe_deflate"), name="x.tif"),
        case("TIFF: cut short", encoded(wide, "tiff")[:400], f"x.tif: {broken}", "x.tif"),
        case(
            "TIFF: packed and cut short",
            encoded(wide, "tiff", compression="tiff_lzw")[:60],
            f"x.tif: {broken}",
            "x.tif",
        ),
        case("TIFF: no tags", tiff([]), f"x.tif: {broken}", "x.tif"),
        case("TIFF: tags that begin behind its end", b"II*\0\xff\xff\xff\x7f", f"x.tif: {broken}", "x.tif"),
        case("TIFF: claims 2²⁰ by 2²⁰", tiff(header(HUGE, HUGE), PIXELS), f"x.tif: {large}", "x.tif"),
        case("TIFF: claims 0 by 8", tiff(header(0, 8), PIXELS), f"x.tif: {broken}", "x.tif"),
        case(
            "TIFF: a tile of 2²⁰ by 2²⁰",
            tiff(tiled(HUGE), PIXELS),
            f"x.tif: {large}",
            "x.tif",
        ),
        case(
            "TIFF: a strip of 2 GiB",
            tiff(header(bytes=(279, 4, 1, 2**31), packing=(259, 3, 1, 5)), PIXELS),
            f"x.tif: {broken}",
            "x.tif",
        ),
        case(
            "TIFF: 60,000 tags, each as long as the file, 42 GB together",
            tiff([*header(), *((2000 + tag, 7, 700_000, 8) for tag in range(LIMITLESS))], PIXELS),
            f"x.tif: {broken}",
            "x.tif",
        ),
        case("TIFF: a page that follows itself", tiff(header(), PIXELS, after=8), name="x.tif"),
        case("TIFF: two pages", encoded(plain(), "tiff", **frames), "x.tif: it has pages; save one of them", "x.tif"),
        case("TIFF: floats", encoded(Image.new("F", (8, 8)), "tiff"), "x.tif: its colour mode F is not", "x.tif"),
        case("TIFF: 32 bits", encoded(Image.new("I", (8, 8)), "tiff"), "x.tif: its colour mode I is not", "x.tif"),
        case("TIFF: Lab", encoded(Image.new("LAB", (8, 8)), "tiff"), "x.tif: its colour mode LAB is not", "x.tif"),
        case(
            "TIFF: packed as nobody knows", tiff(header(packing=(259, 3, 1, 999)), PIXELS), f"x.tif: {broken}", "x.tif"
        ),
        case("TIFF: nine samples a pixel", tiff(header(samples=(277, 3, 1, 9)), PIXELS), f"x.tif: {broken}", "x.tif"),
        case("GIF: colour", encoded(plain(), "gif"), name="x.gif"),
        case("GIF: cut short", encoded(wide, "gif")[:-30], f"x.gif: {broken}", "x.gif"),
        case("GIF: a header alone", gif(8, 8, b""), f"x.gif: {broken}", "x.gif"),
        case("GIF: no frame", gif(8, 8, b";"), f"x.gif: {broken}", "x.gif"),
        case("GIF: claims 65,535 by 65,535", gif(65535, 65535, frame() + b";"), f"x.gif: {large}", "x.gif"),
        case(
            "GIF: a small canvas with a frame of 65,535 by 65,535",
            gif(8, 8, frame(65535, 65535) + b";"),
            f"x.gif: {large}",
            "x.gif",
        ),
        case(
            "GIF: codes of 12 bits that are noise",
            gif(8, 8, frame(data=b"\x0c\4\xff\xff\xff\xff\0") + b";"),
            f"x.gif: {broken}",
            "x.gif",
        ),
        case("GIF: animated", encoded(plain(), "gif", **frames), "x.gif: it is animated; save one frame", "x.gif"),
        case("GIF: a million empty frames", gif(8, 8, frame(1, 1) * 10**6 + b";"), "x.gif: it is animated", "x.gif"),
        case(
            "GIF: 16 MiB of comment",
            gif(8, 8, (b"!\xfe" + (b"\xff" + bytes(255)) * 2**16 + b"\0") + frame() + b";"),
            name="x.gif",
            expected=None,
        ),
        case("GIF: transparent", encoded(Image.new("RGBA", (8, 8)), "gif"), "x.gif: it has an alpha channel", "x.gif"),
    ]
