"""Tell whoever watches how far a piece of work is that may take long. Nobody watches unless a program asks for it.

``with waiting("downloading mnist"): ...`` for work that cannot be counted, ``as advance`` and ``advance(n)`` for work
that can; ``for image in counted("decoding mnist", images, len(images))`` for a loop. No torch here.
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
    """One piece of work. total: 0 if it is not known. unit: what is counted, such as "images"."""

    what: str
    total: int = 0
    unit: str = ""
    done: int = 0

    def advance(self, count: int = 1) -> None:
        """Note that so much more is done."""
        self.done += count


class Watcher(Protocol):
    """Shows waits; :mod:`ganzoo.console.waits` has those of the terminal."""

    def watch(self, wait: Wait) -> AbstractContextManager[object]:
        """Show the wait while the block runs."""

    def aside(self) -> AbstractContextManager[object]:
        """Leave the terminal to what is printed in the block."""

    def close(self) -> None:
        """Show nothing of the waits that are under way: their work has failed."""


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def waiting(what: str, total: int = 0, unit: str = "") -> Iterator[Callable[..., None]]:
    """Announce work that may take seconds; yields ``advance(count=1)``, to be called as it gets on.

    what: begins with a verb, such as "hashing set.zip". total, unit: how much is to do, and of what.
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
    """Yield the items, and announce how many were worked on. Arguments as of :func:`waiting`.

    size: how many an item counts for, such as ``len`` for batches.
    """
    with waiting(what, total, unit) as advance:
        for item in items:
            yield item
            advance(size(item))


def watcher() -> Watcher | None:
    """Return who watches here, None if nobody does."""
    return _watcher.get()


def aside() -> AbstractContextManager[object]:
    """Wrap the printing of a line that may come during a wait."""
    watcher = _watcher.get()
    return nullcontext() if watcher is None else watcher.aside()


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Have this watcher show the waits of the block, in this thread."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
