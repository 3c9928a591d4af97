"""Which files of a set are its images, by their names alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
# Images that are not read: they are counted, so that nobody trains on a part of a set without knowing.
OTHER_SUFFIXES = {
    ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".jfif", ".jp2", ".jpe", ".jxl", ".pbm", ".pcx", ".pgm",
    ".pnm", ".ppm", ".tga", ".tif", ".tiff",
}  # fmt: skip
HIDDEN = "in hidden directories"
HIDDEN_FILES = "hidden"
MAC = "__MACOSX"  # the resource forks in a zip made by macOS


def is_image(name: str) -> bool:
    """Tell whether a file is read as an image."""
    return _suffix(name) in SUFFIXES


def is_hidden(name: str) -> bool:
    """Tell whether the file or a directory above it is hidden; ``name`` starts at the set's own top."""
    return hidden(name) != ""


def hidden(name: str) -> str:
    """Say in which way a file is hidden; empty for a visible file."""
    *directories, file = PurePosixPath(name).parts or ("",)
    if any((directory.startswith(".") and directory != "..") or directory == MAC for directory in directories):
        return HIDDEN
    return HIDDEN_FILES if file.startswith(".") else ""


def left_out(names: Iterable[str]) -> Mapping[str, int]:
    """Count the images among these files that are not read, by a reason that completes "5 ... skipped"."""
    reasons: Counter[str] = Counter()
    for name in names:
        suffix = _suffix(name)
        if suffix in SUFFIXES | OTHER_SUFFIXES and (how := hidden(name)):
            reasons[how] += 1
        elif suffix in OTHER_SUFFIXES:
            reasons[f"{suffix} (not PNG, JPEG or WebP)"] += 1
    return dict(reasons.most_common())


def describe_left_out(reasons: Mapping[str, int]) -> str:
    """Write the counts in one line."""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
