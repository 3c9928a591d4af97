"""Content keys of files that have not changed since they were hashed, so that a big set is not read at each start."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# A file younger than this may change once more without its time stamp showing it.
SETTLED_NS = 2 * 10**9


def remembered(root: Path, files: Iterable[Path], compute: Callable[[], tuple[str, bool]], kind: str = "") -> str:
    """Return the key ``compute`` gave these files when path, size and times were the same, else the one it gives now.

    ``kind`` tells apart several keys of the same files, such as those with other labels.
    ``compute`` returns the key, 64 hexadecimal digits, and whether to remember it: under ``root/keys``, and not
    where a file is only just written.
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
        if re.fullmatch("[0-9a-f]{64}", key):  # a stopped write leaves less
            return key
    key, sure = compute()
    if sure and now - newest >= SETTLED_NS:
        with contextlib.suppress(OSError):  # it is only a shortcut
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(key)
    return key
