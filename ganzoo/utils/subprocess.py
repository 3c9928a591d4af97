"""This Python, for processes of our own."""

from __future__ import annotations

import sys
from pathlib import Path


def interpreter() -> list[str]:
    """What starts it, before ``-m MODULE``: as this process, it takes no module from the current directory.

    ``python -m`` looks there first, and a directory may have come from anyone. Python 3.10 cannot be told not to. Where
    this process was started so itself, so is the other.
    """
    looks_there = "" in sys.path or str(Path.cwd()) in sys.path
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) and not looks_there else [])]
