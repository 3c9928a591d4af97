"""Run a command within a time limit and leave none of its processes behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GRACE = 10.0  # seconds for an interrupted command to write a checkpoint
PR_SET_CHILD_SUBREAPER = 36  # from <sys/prctl.h>


@dataclass(frozen=True)
class Outcome:
    """How a command ended. code: the exit status, negative for a signal. late: whether the limit ended the command."""

    code: int
    seconds: float
    late: bool


def run_within(
    limit: float,
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    grace: float = GRACE,
) -> Outcome:
    """Run a command for at most ``limit`` seconds, with its output in ``log``.

    At the limit its process group gets SIGINT. When the command has ended, or ``grace`` seconds later, all of its
    remaining processes are killed, including those in other sessions. If the command cannot be started, the exit status
    is 127, as in a shell.
    """
    _adopt_orphans()
    begun = time.monotonic()
    late = False
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, cwd=directory,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            stream.write(f"{command[0]}: {error.strerror}\n".encode())
            return Outcome(127, time.monotonic() - begun, late)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            late = True
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _kill_descendants()
    return Outcome(process.returncode, time.monotonic() - begun, late)


def _adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants, so that they can be found. Linux only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_descendants() -> None:
    while living := _descendants(os.getpid()):
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants(root: int) -> list[int]:
    """Return all living descendants of the process ``root``; empty on systems without /proc."""
    children: dict[int, list[int]] = {}
    dead = set[int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]  # the process name is before the last ")"
            pid = int(stat.parent.name)
            children.setdefault(int(parent), []).append(pid)
            if state in "ZX":
                dead.add(pid)
    found, waiting = list[int](), [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        found += below
    return [pid for pid in found if pid not in dead]
