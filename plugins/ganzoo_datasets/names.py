"""Select the images among the files of a set by their names alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from ganzoo.config.schema import ALL, BASIC
from ganzoo.data.kinds import named_formats

# By data.formats.
SUFFIXES = {
    ALL: {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"},
    BASIC: {".jpeg", ".jpg", ".png", ".webp"},
}
# Images that may not be read. They are counted, so that nobody trains on a part of a set unknowingly.
OTHER_SUFFIXES = {
    ".avif", ".dib", ".heic", ".heif", ".ico", ".jp2", ".jxl", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".tga",
}  # fmt: skip
ANY_SUFFIX = SUFFIXES[ALL] | OTHER_SUFFIXES
SYSTEM_FILES = {".ds_store", "desktop.ini", "thumbs.db"}  # of macOS and Windows, in lower case
ADDRESS = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
HIDDEN = "in hidden directories"
HIDDEN_FILES = "hidden"
MAC = "__MACOSX"  # the resource forks in a zip made by macOS


def is_image(name: str, formats: str = ALL) -> bool:
    """Return whether a file is read as an image."""
    return _suffix(name) in SUFFIXES[formats]


def is_hidden(name: str) -> bool:
    """Return whether the file or a directory above it is hidden. ``name`` is relative to the top of the set."""
    return hidden(name) != ""


def hidden(name: str) -> str:
    """Return in words how a file is hidden; empty for a visible file."""
    *directories, file = PurePosixPath(name).parts or ("",)
    if any((directory.startswith(".") and directory != "..") or directory == MAC for directory in directories):
        return HIDDEN
    return HIDDEN_FILES if file.startswith(".") else ""


def left_out(names: Iterable[str], formats: str = ALL) -> Mapping[str, int]:
    """Return the numbers of images that are not read, by a reason that completes "5 ... skipped"."""
    reasons: Counter[str] = Counter()
    for name in names:
        suffix = _suffix(name)
        if suffix in ANY_SUFFIX and (how := hidden(name)):
            reasons[how] += 1
        elif suffix in ANY_SUFFIX - SUFFIXES[formats]:
            reasons[f"{suffix} (not {named_formats(formats)})"] += 1
    return dict(reasons.most_common())


def system_files(names: Iterable[str]) -> str:
    """Return in words how many of these are files of the operating system; empty if none are."""
    found = Counter(name for path in names if (name := PurePosixPath(path).name).lower() in SYSTEM_FILES)
    counted = ", ".join(f"{count:,} {name}" for name, count in sorted(found.items()))
    return f"operating-system files skipped: {counted}" if counted else ""


def describe_left_out(reasons: Mapping[str, int]) -> str:
    """Return the counts and reasons as one line."""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
