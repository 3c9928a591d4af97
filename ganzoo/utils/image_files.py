"""Image files, in the format that the file's suffix names. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.errors import GanzooError
from ganzoo.utils.files import write_whole


@dataclass(frozen=True)
class Format:
    """An image format. name: Pillow's name. side: the most pixels along one side. options: for Pillow's ``save``."""

    name: str
    side: int
    options: Mapping[str, Any] = field(default_factory=dict)


PNG = Format("PNG", 2**31 - 1)
JPEG = Format("JPEG", 65500, {"quality": 95, "subsampling": 0})
WEBP = Format("WebP", 16383, {"lossless": True})
FORMATS = {".png": PNG, ".jpg": JPEG, ".jpeg": JPEG, ".webp": WEBP}
# Suffixes of images and videos that cannot be written here; a directory must not have them.
OTHERS = {
    ".apng", ".avif", ".bmp", ".eps", ".gif", ".heic", ".heif", ".ico", ".jfif", ".jp2", ".jxl", ".pbm", ".pcx",
    ".pdf", ".pgm", ".ppm", ".psd", ".svg", ".tga", ".tif", ".tiff", ".xpm", ".avi", ".mkv", ".mov", ".mp4",
    ".webm",
}  # fmt: skip


def is_picture(out: Path) -> bool:
    """Return whether an output is one image file, by its suffix; otherwise it is a directory.

    Raises GanzooError for the suffix of an image or video format that :func:`save_image` cannot write.
    """
    suffix = out.suffix.lower()
    if suffix in OTHERS:
        listed = ", ".join(FORMATS)
        raise GanzooError(f"cannot write {out}: the suffix must be one of {listed}, or none for a directory")
    return suffix in FORMATS


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image, whole or not at all, in the format of the suffix; an unknown suffix means PNG.

    Raises GanzooError if the image is too large for the format, WriteFailed if the disk refuses.
    """
    form = FORMATS.get(path.suffix.lower(), PNG)
    if max(image.size) > form.side:
        size = "x".join(map(str, image.size))
        raise GanzooError(
            f"cannot write {path}: {size} pixels, {form.name} holds {form.side} a side; write a .png or fewer images"
        )
    write_whole(path, lambda stream: image.save(stream, form.name, **form.options))
