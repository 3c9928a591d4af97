"""Handle requests to stop: Ctrl-C, or SIGTERM, which a cluster sends before it takes the machine away.

Unsaved training is saved to a checkpoint first. If everything is saved (before training, while scoring), the program
ends at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

from ganzoo.errors import RankLost

INTERRUPTED = 130  # a shell's exit code for a program that Ctrl-C ended
PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong, try again
INTERRUPTED_REASON, PREEMPTED_REASON = "interrupted", "preempted"


def signal_name(number: int) -> str:
    """Return the name of a signal, such as SIGKILL; most real-time signals have only a number."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


class Stopped(BaseException):
    """Raised by a signal at a moment when nothing would be lost.

    code: the exit code. reason: "interrupted" by Ctrl-C or "preempted" by SIGTERM.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.reason = PREEMPTED_REASON if code == PREEMPTED else INTERRUPTED_REASON


class Stoppable(Protocol):
    """A training loop.

    all_saved: whether a checkpoint holds all training so far. stop_requested: set to make the loop save and stop.
    """

    all_saved: bool
    stop_requested: bool


class Stop:
    """A possible request to stop.

    together: whether this is one of several processes, each of which receives a terminal's Ctrl-C twice: directly, and
    from the process that started them. loop: the loop to stop; None before it trains. code: the exit code; 0 without a
    request.
    """

    def __init__(self, together: bool = False) -> None:
        self.together = together
        self.loop: Stoppable | None = None
        self.code = 0

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal. A second Ctrl-C ends the program at once without saving, unless ``together``."""
        again = signum == signal.SIGINT and self.code == INTERRUPTED and not self.together
        self.code = INTERRUPTED if signum == signal.SIGINT else PREEMPTED
        if again:
            raise KeyboardInterrupt
        if self.loop is None or self.loop.all_saved:
            raise Stopped(self.code)
        self.loop.stop_requested = True


@contextmanager
def heeding_signals(together: bool = False, heed: bool = True) -> Iterator[Stop]:
    """Yield a :class:`Stop` that receives Ctrl-C and SIGTERM in the block, if ``heed`` and in the main thread.

    Raises Stopped instead of RankLost after SIGTERM: the launcher noticed the loss first and reports its cause.
    """
    stop = Stop(together)
    if not heed or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    except RankLost:
        if stop.code == PREEMPTED:
            raise Stopped(PREEMPTED) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
