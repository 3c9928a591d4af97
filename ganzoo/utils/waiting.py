"""Report the progress of long work to a watcher. There is no watcher unless a program sets one.

Use ``with waiting("downloading mnist"): ...`` for work that cannot be counted, and add ``as advance`` and
``advance(n)`` for work that can; ``for image in counted("decoding mnist", images, len(images))`` for a loop. No torch
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Wait:
    """One piece of work. what: its name. total: how many units it has, 0 if that is not known. unit: what is counted,
    such as "images". done: how many units are done."""

    what: str
    total: int = 0
    unit: str = ""
    done: int = 0

    def advance(self, count: int = 1) -> None:
        """Add ``count`` to the units that are done."""
        self.done += count


class Watcher(Protocol):
    """An object that shows waits; those for the terminal are in :mod:`ganzoo.console.waits`."""

    def watch(self, wait: Wait) -> AbstractContextManager[object]:
        """Show the wait while the block runs."""

    def aside(self) -> AbstractContextManager[object]:
        """Leave the terminal to what is printed in the block."""

    def close(self) -> None:
        """Stop showing the current waits: their work has failed."""


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def waiting(what: str, total: int = 0, unit: str = "") -> Iterator[Callable[..., None]]:
    """Announce work that may take seconds; yield ``advance(count=1)``, to be called as the work proceeds.

    what: a text that begins with a verb, such as "hashing set.zip". total, unit: the amount of work, and its unit.
    """
    wait, watcher = Wait(what, total, unit), _watcher.get()
    if watcher is None:
        yield wait.advance
        return
    with watcher.watch(wait):
        yield wait.advance


def counted(
    what: str, items: Iterable[T], total: int = 0, unit: str = "", size: Callable[[T], int] = lambda item: 1
) -> Iterator[T]:
    """Yield the items, and announce how many are done. The arguments are those of :func:`waiting`.

    size: returns the number of units in an item, such as ``len`` for batches.
    """
    with waiting(what, total, unit) as advance:
        for item in items:
            yield item
            advance(size(item))


def watcher() -> Watcher | None:
    """Return the watcher of this thread; None if there is none."""
    return _watcher.get()


def aside() -> AbstractContextManager[object]:
    """Return a context in which a line can be printed during a wait."""
    watcher = _watcher.get()
    return nullcontext() if watcher is None else watcher.aside()


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Let this watcher show the waits of the block, in this thread."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
