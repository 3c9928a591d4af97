"""Pictures as files, in the format that a file's suffix names. No torch here."""

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
    """name: Pillow's. side: the most pixels along one side. options: of Pillow's ``save``."""

    name: str
    side: int
    options: Mapping[str, Any] = field(default_factory=dict)


PNG = Format("PNG", 2**31 - 1)
JPEG = Format("JPEG", 65500, {"quality": 95, "subsampling": 0})
WEBP = Format("WebP", 16383, {"lossless": True})
FORMATS = {".png": PNG, ".jpg": JPEG, ".jpeg": JPEG, ".webp": WEBP}
# Suffixes of pictures and films that nothing here writes; a directory has no such name.
OTHERS = {
    ".apng", ".avif", ".bmp", ".eps", ".gif", ".heic", ".heif", ".ico", ".jfif", ".jp2", ".jxl", ".pbm", ".pcx",
    ".pdf", ".pgm", ".ppm", ".psd", ".svg", ".tga", ".tif", ".tiff", ".xpm", ".avi", ".mkv", ".mov", ".mp4",
    ".webm",
}  # fmt: skip


def is_picture(out: Path) -> bool:
    """Tell whether an output is one picture, by its suffix; otherwise it is a directory.

    Raises GanzooError for the suffix of a picture or film that :func:`save_image` cannot write.
    """
    suffix = out.suffix.lower()
    if suffix in OTHERS:
        listed = ", ".join(FORMATS)
        raise GanzooError(f"cannot write {out}: an image ends with {listed}; a directory has another name")
    return suffix in FORMATS


def save_image(image: Image.Image, path: Path) -> None:
    """Write a picture, whole or not at all, in the format of the suffix; without a known one a PNG.

    Raises GanzooError for a picture that is too large for the format, WriteFailed where the disk refuses.
    """
    form = FORMATS.get(path.suffix.lower(), PNG)
    if max(image.size) > form.side:
        size = "x".join(map(str, image.size))
        raise GanzooError(
            f"cannot write {path}: {size} pixels, {form.name} holds {form.side} a side; write a .png or fewer images"
        )
    write_whole(path, lambda stream: image.save(stream, form.name, **form.options))
