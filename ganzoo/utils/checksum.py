"""Checksums, which show whether content is still as written. They reveal damage, not who wrote it. No torch here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ganzoo.utils.files import regular
from ganzoo.utils.waiting import waiting

DIGEST = "digest"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal. Raises OSError, also for a pipe or a device, whose reading
    may not end."""
    digest = hashlib.sha256()
    with regular(path).open("rb") as stream, waiting(f"hashing {path}", path.stat().st_size >> 20, "MiB") as advance:
        while block := stream.read(1 << 20):
            digest.update(block)
            advance()
    return digest.hexdigest()


def digest_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the content without its digest, as JSON with sorted keys and no blanks. Raises ValueError
    if it holds a number that is not finite."""
    bare = {key: value for key, value in content.items() if key != DIGEST}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with its digest."""
    return {**content, DIGEST: digest_of(content)}


def unsealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content without its digest; content from older versions has none. Raises ValueError if the digest does
    not fit."""
    if DIGEST in content and content[DIGEST] != digest_of(content):
        raise ValueError("its checksum does not match")
    return {key: value for key, value in content.items() if key != DIGEST}
