"""Remembered content keys of files that have not changed since, so that a large set is not hashed at each start."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# A younger file may still change without a change of its time stamp.
SETTLED_NS = 2 * 10**9


def remembered(root: Path, files: Iterable[Path], compute: Callable[[], tuple[str, bool]], kind: str = "") -> str:
    """Return the key of these files: the remembered one if their paths, sizes and times are the same, else a new one.

    kind: distinguishes several keys of the same files, such as those with different labels.
    compute: returns the key, 64 hexadecimal digits, and whether to remember it. Keys are kept under ``root/keys``, but
    not if a file was written less than two seconds ago.
    """
    now = time.time_ns()
    digest, newest = hashlib.sha256(kind.encode()), 0
    try:
        for file in files:
            stat = file.stat()
            newest = max(newest, stat.st_mtime_ns, stat.st_ctime_ns)
            digest.update(repr((str(file), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)).encode())
    except OSError:
        return compute()[0]
    note = root / "keys" / digest.hexdigest()[:32]
    with contextlib.suppress(OSError, ValueError):
        key = note.read_text()
        if re.fullmatch("[0-9a-f]{64}", key):  # an interrupted write leaves fewer digits
            return key
    key, sure = compute()
    if sure and now - newest >= SETTLED_NS:
        with contextlib.suppress(OSError):  # a missing note only costs time
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(key)
    return key
