"""Paths: as people write them, and whether a file is one. No torch here."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def user_path(text: str | Path) -> Path:
    """A path with ``~`` for who calls; that of a user who is not here is left as it is: it will not be found."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, pathlib's raises then


def regular(file: Path) -> Path:
    """The same. Raises OSError where it is not there, or a pipe or a device, whose reading may not end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    return file
