"""Cached arrays: written whole or not at all, and read without pickle."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganzoo import writing as files
from ganzoo.digest import sha256_of
from ganzoo.writing import writing

UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)
"""What NumPy raises for a file that is missing, cut short or of another kind."""


def write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write under a name of this process's own, flush, rename. Raises WriteFailed where the disk refuses."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(path, write, path.with_name(f".{path.name}.{os.getpid()}.part"))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """An ``.npz`` of arrays, numbers and strings."""
    write_whole(path, lambda stream: np.savez(stream, **arrays))


def read_arrays(path: Path) -> dict[str, Any] | None:
    """What :func:`write_arrays` wrote; None where there is no such file or it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except UNREADABLE:
        return None


__all__ = ["UNREADABLE", "read_arrays", "sha256_of", "write_arrays", "write_whole"]
