"""A folder that is there whole or not at all, whatever stops the process that writes it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

DAY = 24 * 60 * 60


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to be filled, flushed and renamed to ``folder`` if nothing raises, removed if something does.

    Several processes may write the same folder at once: the first to finish wins, the others find it there.
    What processes that have died had begun is removed. Raises OSError where it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = _own(folder)
    partial.mkdir()
    now = partial.stat().st_mtime
    for old in folder.parent.glob(".*.*.*.*.part"):
        if _abandoned(old, now):
            shutil.rmtree(old, ignore_errors=True)
    try:
        yield partial
        _flush(partial)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder; who has its files open goes on reading them. Raises OSError where it cannot be moved away."""
    gone = _own(folder)
    try:
        folder.rename(gone)
    except FileNotFoundError:  # another process was faster
        return
    shutil.rmtree(gone, ignore_errors=True)


def _own(folder: Path) -> Path:
    """A name for this process alone."""
    return folder.parent / f".{folder.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.part"


def _abandoned(partial: Path, now: float) -> bool:
    """Its process has died; one on another machine counts as dead when nothing was written for a day.

    ``now`` is the time of the disk they share, not of this machine's clock, which may have jumped.
    """
    host, pid = partial.name.split(".")[2:4]
    if host == _host() and pid.isdigit() and not _alive(int(pid)):
        return True
    try:
        written = max(path.stat().st_mtime for path in [partial, *partial.iterdir()])
    except OSError:  # renamed or removed just now
        return False
    return now - written > DAY


def _host() -> str:
    return socket.gethostname().replace(".", "-")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _flush(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
