"""Cached arrays: written completely or not at all, and read without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.utils.files import write_whole

UNREADABLE = (OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile)
"""The errors that NumPy raises for a file that is missing, truncated or of another kind."""


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, numbers and strings as an ``.npz`` file."""
    write_whole(path, lambda stream: np.savez(stream, **arrays), parents=True)


def read_arrays(path: Path) -> dict[str, Any] | None:
    """Return what :func:`write_arrays` wrote; None if the file is missing or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except UNREADABLE:
        return None


__all__ = ["UNREADABLE", "read_arrays", "write_arrays"]
