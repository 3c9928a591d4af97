"""Being asked to stop: by Ctrl-C, or by SIGTERM, which a cluster sends before it takes the machine away.

What is not yet in a checkpoint is saved first. Where all is (before training, while scoring) the end comes at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended
PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong, try again
INTERRUPTED_REASON, PREEMPTED_REASON = "interrupted", "preempted"


class Stopped(BaseException):
    """Raised by a signal at a moment when nothing would be lost.

    code: what to exit with. reason: "interrupted" by Ctrl-C or "preempted" by SIGTERM.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.reason = PREEMPTED_REASON if code == PREEMPTED else INTERRUPTED_REASON


class Stoppable(Protocol):
    """A loop: ``all_saved`` while a checkpoint holds all there is, ``stop_requested`` for it to heed."""

    all_saved: bool
    stop_requested: bool


class Stop:
    """What was asked for. ``loop`` is what is to be stopped, None before it trains.

    ``together``: with other processes, which a terminal's Ctrl-C reaches twice, by itself and by who started them.
    """

    def __init__(self, together: bool = False) -> None:
        self.together = together
        self.loop: Stoppable | None = None
        self.code = 0

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """A signal's handler. The second Ctrl-C ends at once, whatever is lost."""
        again = signum == signal.SIGINT and self.code == INTERRUPTED and not self.together
        self.code = INTERRUPTED if signum == signal.SIGINT else PREEMPTED
        if again:
            raise KeyboardInterrupt
        if self.loop is None or self.loop.all_saved:
            raise Stopped(self.code)
        self.loop.stop_requested = True


@contextmanager
def heeding_signals(together: bool = False, heed: bool = True) -> Iterator[Stop]:
    """Ctrl-C and SIGTERM go to what is yielded, if ``heed``. Threads beside the main one get no signals."""
    stop = Stop(together)
    if not heed or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
