"""Image files of many kinds, and data sets of them as directories, zips and shards."""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.data.dataset import Images
from ganzoo.plugin.registry import Registry
from support.images import open_images, peek_spec

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
    """Return an image whose upper half is opaque and whose lower half is transparent."""
    array = np.zeros((8, 8, len(colour) + 1), np.uint8)
    array[:, :, :-1] = colour
    array[:4, :, -1] = 255
    return Image.fromarray(array, "LA" if len(colour) == 1 else "RGBA")


def white_is_zero() -> bytes:
    """Return a 16-bit grey TIFF in which 0 is white."""
    content = encoded(deep(), "tiff")
    at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00") + 8
    return content[:at] + b"\0" + content[at + 1 :]


def write(files: dict[str, bytes], kind: str, place: Path) -> str:
    """Write the files as a data set of that kind. Return its name."""
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


def png16(colour_type: int, sample: bytes, extra: bytes = b"") -> bytes:
    """Return an 8x8 PNG with 16 bits per channel in which every pixel is ``sample``."""
    return png(colour_type, sample * 8, bits=16, extra=extra)


def png(colour_type: int, row: bytes, *, bits: int, extra: bytes = b"") -> bytes:
    """Return an 8x8 PNG in which every row is ``row``. extra: the transparent colour, in the chunk tRNS."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 8, 8, bits, colour_type, 0, 0, 0)
    rows = zlib.compress((b"\0" + row) * 8)
    holes = chunk(b"tRNS", extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + holes + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def opener(registry: Registry, place: Path) -> Callable[..., Images]:
    """Return a function that writes files as a data set, opens it, and asserts that ``peek_spec`` gives its spec."""

    def opens(files: dict[str, bytes], kind: str = "folder", **how: Any) -> Images:
        name = write(files, kind, place / "set")
        images = open_images(registry, name, root=place / "root", **how)
        foretold = {key: value for key, value in how.items() if key in ("size", "channels", "labels", "formats")}
        assert peek_spec(registry, name, root=place / "root", **foretold) == images.spec
        return images

    return opens
