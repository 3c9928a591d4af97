"""Paths as people write them. No torch here."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(text: str | Path) -> Path:
    """A path with ``~`` for who calls; that of a user who is not here is left as it is: it will not be found."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, pathlib's raises then
