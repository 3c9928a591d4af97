"""Let one process at a time work in a directory. No torch here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from ganzoo.errors import GanzooError
from ganzoo.utils.files import one_line, open_itself, writing

NAME = "lock"


@contextmanager
def alone_in(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a directory. Raises GanzooError, which names the holder, if another process has it.

    The system frees the lock when the process dies, whatever kills it. On NFS it holds between machines if the mount
    has locks (Linux turns flock into the server's byte-range locks). If a file system has no locks, ``warn`` says so.
    """
    with writing(folder / NAME):
        stream = open_itself(folder / NAME, "a+")
    with stream:  # FileLock would open the file itself: older versions of it then erase the holder's name
        try:
            locked = lock_descriptor(stream.fileno(), blocking=False)
        except OSError as error:
            warn(f"{folder} cannot be locked ({error.strerror}): let no other process work in it")
            yield
            return
        if not locked:
            raise GanzooError(f"{folder} is in use by {_holder(folder)}; wait for it to end, or stop it")
        with writing(folder / NAME):
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {socket.gethostname()}")
            stream.flush()
        yield


def _holder(folder: Path) -> str:
    with suppress(OSError), (folder / NAME).open(encoding="utf-8", errors="replace") as stream:
        return one_line(stream.read(200)) or "another process"
    return "another process"  # Windows also locks the file for readers
