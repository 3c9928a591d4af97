"""One process at a time in a folder. No torch here."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.utils.files import one_line, open_itself, writing

NAME = "lock"
logger = logging.getLogger(__name__)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises GanzooError, which names the holder, where another process has it.

    The system takes the lock from a process that dies, whatever kills it. On NFS it holds between machines where the
    mount has locks (Linux turns flock into the server's byte-range locks); where it has none, a warning is logged.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with writing(folder / NAME):
        stream = open_itself(folder / NAME, "a+")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                logger.warning(f"{folder} cannot be locked ({error.strerror}): let no other process work in it")
                yield
                return
            stream.seek(0)
            holder = one_line(stream.read(200)) or "another process"
            raise GanzooError(f"{folder} is in use by {holder}; wait for it to end, or stop it") from error
        with writing(folder / NAME):
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {socket.gethostname()}")
            stream.flush()
        yield
