"""Files that a command writes where its options say."""

from __future__ import annotations

from pathlib import Path

import typer

from ganzoo.errors import GanzooError
from ganzoo.utils.files import write_text


def check_file(file: Path | None) -> None:
    """Raises GanzooError for a folder, before any work is done."""
    if file is not None and file.is_dir():
        raise GanzooError(f"{file} is a folder; name a file to write")


def write_file(file: Path, content: str) -> None:
    """Write it with the folders above it, and say where it is. Raises GanzooError where that cannot be."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GanzooError(f"cannot write {file}: {error.strerror}") from error
    write_text(file, content)
    typer.echo(file)
