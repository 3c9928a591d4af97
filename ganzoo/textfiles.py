"""Small text files: written whole or not at all, read as far as they are whole. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.utils.safe_yaml import parse_json
from ganzoo.writing import write_whole


def write_text(file: Path, text: str) -> None:
    """Write, flush, rename: the file is old or new, never half. Raises WriteFailed where the disk refuses.

    A byte of a file name that is not UTF-8 is written as its escape.
    """
    write_whole(file, lambda stream: stream.write(text.encode(errors="backslashreplace")))


def one_line(text: str) -> str:
    """Without line breaks and control characters: what comes from outside must not steer a terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """All whole records; lines that a kill cut short or that were damaged are left out."""
    if not file.exists():
        return []
    records = []
    for line in file.read_bytes().splitlines():
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records
