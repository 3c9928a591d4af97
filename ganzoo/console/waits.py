"""Waits on stderr: a bar that disappears when the work is done, or an occasional line if it is not a terminal.

A wait is shown once it has lasted ``SHORT`` seconds. A thread shows it, so work that cannot count its steps is shown
too. This module does not import torch.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TextIO

from ganzoo.errors import printable
from ganzoo.utils.waiting import Wait

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHORT = 2.0  # seconds before a wait is shown
EVERY = 10.0  # seconds from one line to the next
TICK = 0.25  # seconds from one update of a wait to the next
Ticker = Callable[[Callable[[], None]], AbstractContextManager[object]]


@contextmanager
def in_thread(tick: Callable[[], None]) -> Iterator[None]:
    """Call ``tick`` every ``TICK`` seconds while the block runs."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(TICK):
            tick()

    thread = threading.Thread(target=work, name="ganzoo waits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Waits(ABC):
    """A watcher that shows each wait that lasts ``SHORT`` seconds or more. clock, ticker: replaced in tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, ticker: Ticker = in_thread) -> None:
        self.clock, self.ticker = clock, ticker
        self._lock = threading.RLock()
        self._open: list[Wait] = []

    @contextmanager
    def watch(self, wait: Wait) -> Iterator[None]:
        """Show the wait while the block runs. Only the first process of a run shows its waits."""
        if os.environ.get("RANK", "0") != "0":
            yield
            return
        begun = self.clock()

        def tick() -> None:
            with self._lock:
                if (seconds := self.clock() - begun) >= SHORT and wait in self._open:
                    self.show(wait, seconds)

        self._open.append(wait)
        finished = False
        try:
            with self.ticker(tick):
                yield
            finished = True
        finally:
            with self._lock:
                if wait in self._open:
                    self._open.remove(wait)
                    self.end(wait, self.clock() - begun, finished)

    def close(self) -> None:
        """End all waits that are still open: after an error, the generators in its frames are not closed."""
        with self._lock:
            while self._open:
                self.end(self._open.pop(), 0.0, finished=False)

    def innermost(self, wait: Wait) -> bool:
        """Return whether this wait is the one that started last."""
        return self._open[-1] is wait

    @abstractmethod
    def show(self, wait: Wait, seconds: float) -> None:
        """Show the progress of a wait after this many seconds; called several times a second."""

    @abstractmethod
    def end(self, wait: Wait, seconds: float, finished: bool) -> None:
        """Called once when a wait is over, even if it was not shown. finished: False if the work failed."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the waits off the terminal while the block prints."""
        with self._lock:
            yield


class Lines(Waits):
    """A watcher that prints a line after ``SHORT`` seconds, then every ``EVERY`` seconds, and at the end."""

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        ticker: Ticker = in_thread,
    ) -> None:
        super().__init__(clock, ticker)
        # Kept, since some work redirects sys.stderr.
        self._stream = sys.stderr if stream is None else stream
        self._said: dict[int, float] = {}

    def show(self, wait: Wait, seconds: float) -> None:
        if self.innermost(wait) and (id(wait) not in self._said or seconds - self._said[id(wait)] >= EVERY):
            self._said[id(wait)] = seconds
            self._print(f"{wait.what}: {in_words(wait, seconds)}")

    def end(self, wait: Wait, seconds: float, finished: bool) -> None:
        if self._said.pop(id(wait), None) is not None and finished:
            self._print(f"{wait.what}: done in {duration(seconds)}")

    def _print(self, line: str) -> None:
        print(printable(line), file=self._stream, flush=True)


class Bars(Waits):
    """A watcher with rich's progress bars, one below the other; a bar disappears when its work is done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, ticker: Ticker = in_thread) -> None:
        super().__init__(clock, ticker)
        self._stream = sys.stderr
        self._progress: Progress | None = None
        self._tasks: dict[int, TaskID] = {}

    def show(self, wait: Wait, seconds: float) -> None:
        if self._progress is None:
            self._progress = self.start()
        # The amount includes the time, since a bar without a total shows nothing else.
        amount = in_words(wait, seconds)
        if id(wait) not in self._tasks:
            self._tasks[id(wait)] = self._progress.add_task(
                printable(wait.what), total=wait.total or None, amount=amount
            )
        self._progress.update(self._tasks[id(wait)], completed=wait.done, amount=amount)

    def end(self, wait: Wait, seconds: float, finished: bool) -> None:
        if (task := self._tasks.pop(id(wait), None)) is None or self._progress is None:
            return
        self._progress.remove_task(task)
        if not self._tasks:
            self.stop(self._progress)
            self._progress = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        with self._lock:
            if self._progress is not None:
                for task in self._tasks.values():
                    self._progress.remove_task(task)
                self.stop(self._progress)
                self._tasks, self._progress = {}, None  # the next update of each wait shows it again
            yield

    def start(self) -> Progress:
        """Return a started progress display for the bars."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        # No redirection: output may be meant for a file, and other work redirects stdout and stderr too.
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}", markup=False),
            console=Console(file=self._stream),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.start()
        return progress

    def stop(self, progress: Progress) -> None:
        """Remove the progress display from the terminal, with all bars."""
        progress.stop()


class Silent(Waits):
    """A watcher that shows nothing."""

    @contextmanager
    def watch(self, wait: Wait) -> Iterator[None]:
        yield

    def show(self, wait: Wait, seconds: float) -> None: ...

    def end(self, wait: Wait, seconds: float, finished: bool) -> None: ...


def in_words(wait: Wait, seconds: float) -> str:
    """Return in words how much is done, of how much, the time it took, and the time left at that speed."""
    words = f"{wait.done:,} of {wait.total:,}" if wait.total else f"{wait.done:,}" if wait.done else ""
    amount = f"{words} {wait.unit}".strip() if words else ""
    left = ""
    if 0 < wait.done < wait.total:
        left = f"about {duration(seconds * (wait.total - wait.done) / wait.done)} left"
    return ", ".join(filter(None, [amount, duration(seconds), left]))


def duration(seconds: float) -> str:
    """Return a duration in seconds; from two minutes on, in minutes and seconds."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def on_stderr() -> Waits:
    """Return bars if stderr is a terminal, lines otherwise; a silent watcher if ``GANZOO_WAITS`` is ``off``."""
    if os.environ.get("GANZOO_WAITS") == "off":
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines()
