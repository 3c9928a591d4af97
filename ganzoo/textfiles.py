"""Small text files: written whole or not at all, read as far as they are whole. No torch here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_text(file: Path, text: str) -> None:
    """Write, flush, rename: the file is old or new, never half."""
    partial = file.with_name(f".{file.name}.part")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


def one_line(text: str) -> str:
    """Without line breaks and control characters: what comes from outside must not steer a terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """All whole records; a last line that a kill cut short is left out."""
    if not file.exists():
        return []
    records = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records
