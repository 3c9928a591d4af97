"""Checksums: whether something is still what was written. They show damage, not who wrote it. No torch here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ganzoo.utils.files import regular
from ganzoo.utils.waiting import waiting

DIGEST = "digest"


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes, in hexadecimal. Raises OSError, for a pipe or a device too: it may not end."""
    digest = hashlib.sha256()
    with regular(path).open("rb") as stream, waiting(f"hashing {path}", path.stat().st_size >> 20, "MiB") as advance:
        while block := stream.read(1 << 20):
            digest.update(block)
            advance()
    return digest.hexdigest()


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 over the content without its digest, in JSON with sorted keys and no blanks. Raises ValueError where it
    holds a number that is not finite."""
    bare = {key: value for key, value in content.items() if key != DIGEST}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with its digest."""
    return {**content, DIGEST: digest_of(content)}


def unsealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content without its digest; what an older version wrote has none. Raises ValueError where it does not fit."""
    if DIGEST in content and content[DIGEST] != digest_of(content):
        raise ValueError("its checksum does not match")
    return {key: value for key, value in content.items() if key != DIGEST}
