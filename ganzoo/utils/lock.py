"""Let one process at a time work in a directory. No torch here."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from ganzoo.errors import GanzooError
from ganzoo.utils.files import one_line, open_itself, regular, writing
from ganzoo.utils.processes import is_alive, place

NAME = "lock"
NOTE = r"process (\d{1,9}) on (.*)"  # what the holder writes into it
logger = logging.getLogger(__name__)


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory in the block. Raises a GanzooError that names the holder if another process has it.

    The operating system frees the lock when the process dies. On NFS it works between machines if the mount has locks
    (Linux turns flock into the server's byte-range locks); without locks, a warning is logged.
    """
    with writing(directory / NAME):
        stream = open_itself(directory / NAME, "a+")
    with stream:  # not FileLock, which opens the file itself: its older versions then erase the holder's name
        try:
            locked = lock_descriptor(stream.fileno(), blocking=False)
        except OSError as error:
            logger.warning(f"{directory} cannot be locked ({error.strerror}): let no other process work in it")
            yield
            return
        if not locked:
            raise GanzooError(f"{directory} is in use by {_holder(directory)}; wait for it to end, or stop it")
        with writing(directory / NAME):  # not through the stream's buffer: closing would write it again
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), f"process {os.getpid()} on {place()}".encode())
        yield


def is_held(directory: Path) -> bool:
    """Return whether a process holds the lock of a directory; False if that cannot be found out.

    The lock is tried only if its holder may be alive: to try it could otherwise block a process that starts.
    """
    try:
        file = regular(directory / NAME)
        noted = re.fullmatch(NOTE, _holder(directory))
        if noted is None or (noted[2] == place() and not is_alive(int(noted[1]))):
            return False
        with file.open("rb") as stream:
            return not lock_descriptor(stream.fileno(), blocking=False)
    except OSError:
        return False


def is_free(directory: Path) -> bool:
    """Return whether no process holds the lock of a directory; False if that cannot be found out."""
    noted = re.fullmatch(NOTE, _holder(directory))
    return noted is not None and noted[2] == place() and not is_held(directory)


def _holder(directory: Path) -> str:
    with suppress(OSError), (directory / NAME).open(encoding="utf-8", errors="replace") as stream:
        return one_line(stream.read(200)) or "another process"
    return "another process"  # Windows also locks the file for readers
