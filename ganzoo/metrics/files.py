"""Cached arrays: written whole or not at all, and read without pickle."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganzoo.errors import GanzooError

UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)
"""What NumPy raises for a file that is missing, cut short or of another kind."""


def write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write under a temporary name, flush, rename. Raises GanzooError where the disk refuses."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GanzooError(f"cannot write {path}: {error.strerror}; set GANZOO_DATA to a folder with room") from error


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


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


__all__ = ["UNREADABLE", "read_arrays", "sha256_of", "write_arrays", "write_whole"]
