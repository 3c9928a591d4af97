"""Which processes this one can see, and whether one of them is alive."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

NAMESPACE = Path("/proc/self/ns/pid")
OUTSIDE = 0xEFFFFFFC  # the PID namespace of processes outside containers (Linux, PROC_PID_INIT_INO)


def place() -> str:
    """Return the name of the host, in a container with its PID namespace.

    Containers may share a host name; to each of them the processes of the others look dead.
    """
    with suppress(OSError):
        if (namespace := NAMESPACE.stat().st_ino) != OUTSIDE:
            return f"{socket.gethostname()}-{namespace}"
    return socket.gethostname()


def is_alive(pid: int) -> bool:
    """Return whether a process of this place is alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
