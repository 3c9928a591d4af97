"""Callbacks for a run's events: the terminal's display, the plugins' hooks and a program's own callbacks, in one list.

The first rank calls all of them, in the order of the list; the Python API and the command line put the plugins' hooks
last. An event about a file comes after the file is complete on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError, described
from ganzoo.plugin.registry import Registry
from ganzoo.utils.signals import INTERRUPTED_REASON, Stopped

logger = logging.getLogger(__name__)


class Callback:
    """A base class whose methods are called at a run's events and do nothing.

    run: the run's directory. kimg: its progress.
    """

    def watching(self) -> AbstractContextManager[object]:
        """Return a context for all work on a run, on every rank, from the first input check to the last event."""
        return nullcontext()

    def run_started(self, run: Path, config: Mapping[str, Any]) -> None:
        """A run begins or resumes."""

    def progress(self, shown: int) -> None:
        """An iteration ended; ``shown`` images have been shown so far."""

    def interval_logged(self, run: Path, record: Mapping[str, Any]) -> None:
        """The record of a log interval was appended to ``log.jsonl``."""

    def snapshot_taken(self, run: Path, kimg: float, image: Image.Image) -> None:
        """The grid of generated images was written to ``samples/``."""

    def checkpoint_written(self, run: Path, checkpoint: Path, kimg: float) -> None:
        """A checkpoint and its snapshot were written, and older checkpoints removed."""

    def scoring(self, what: str, done: int, total: int) -> None:
        """A step of scoring ended."""

    def scored(self, run: Path, kimg: float, score: Mapping[str, Any]) -> None:
        """A checkpoint's score was written to ``scores.jsonl`` and ``score.json``."""

    def run_finished(self, run: Path, score: Mapping[str, Any]) -> None:
        """The run reached its budget. ``score`` is empty if it could not be computed."""

    def run_stopped(self, run: Path, reason: str) -> None:
        """The run ended before its budget: ``interrupted``, ``preempted``, or the error in one line."""


class Hooks(Callback):
    """A callback that calls the life-cycle hooks of plugins. If a hook raises, the run continues.

    report: gets each such failure as a line. only: the plugins to call, each as ``distribution:name``; None for all.
    """

    def __init__(
        self, registry: Registry, only: Iterable[str] | None = None, report: Callable[[str], None] = logger.warning
    ) -> None:
        self.registry, self.report = registry, report
        self.only = None if only is None else frozenset(only)

    def _call(self, hook: str, **arguments: Any) -> None:
        for failure in self.registry.notify(hook, self.only, **arguments):
            self.report(failure)

    def run_started(self, run: Path, config: Mapping[str, Any]) -> None:
        self._call("run_started", run=run, config=config)

    def interval_logged(self, run: Path, record: Mapping[str, Any]) -> None:
        self._call("interval_logged", run=run, record=record)

    def snapshot_taken(self, run: Path, kimg: float, image: Image.Image) -> None:
        self._call("snapshot_taken", run=run, kimg=kimg, image=image)

    def checkpoint_written(self, run: Path, checkpoint: Path, kimg: float) -> None:
        self._call("checkpoint_written", run=run, checkpoint=checkpoint, kimg=kimg)

    def scored(self, run: Path, kimg: float, score: Mapping[str, Any]) -> None:
        self._call("scored", run=run, kimg=kimg, score=score)

    def run_finished(self, run: Path, score: Mapping[str, Any]) -> None:
        self._call("run_finished", run=run, score=score)

    def run_stopped(self, run: Path, reason: str) -> None:
        self._call("run_stopped", run=run, reason=reason)


class Audience:
    """The callbacks of one run.

    listeners: the callbacks; empty on every rank but the first. run: the run's directory once it has started.
    stopped: why the run stopped; None if it reached its budget.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.listeners: Sequence[Callback] = callbacks if collectives.first() else ()
        self.run: Path | None = None
        self.score: Mapping[str, Any] = {}
        self.stopped: str | None = None

    def start(self, run: Path, config: Mapping[str, Any]) -> None:
        """Tell all callbacks that the run started; from now on they are also told of its end."""
        self.run = run
        for callback in self.listeners:
            callback.run_started(run, config)

    def scoring(self, what: str, done: int, total: int) -> None:
        """Tell all callbacks that a step of scoring ended."""
        for callback in self.listeners:
            callback.scoring(what, done, total)

    def end(self) -> None:
        """Tell all callbacks how the run ended, if it had started.

        Plugins may take long, so nothing in it waits for other ranks.
        """
        if self.run is None:
            return
        with collectives.alone():
            for callback in self.listeners:
                if self.stopped is None:
                    callback.run_finished(self.run, self.score)
                else:
                    callback.run_stopped(self.run, self.stopped)


def as_callbacks(given: Iterable[Callback] | Callback) -> list[Callback]:
    """Return callbacks as a list. Raises GanzooError if one of them is not a Callback."""
    found: list[Callback] = list(given) if isinstance(given, Iterable) else [given]
    for callback in found:
        if not isinstance(callback, Callback):
            raise GanzooError(f"callbacks holds {callback!r}, must be a list of ganzoo.Callback objects")
    return found


@contextmanager
def audience(callbacks: Sequence[Callback], *, tell_interrupts: bool = False) -> Iterator[Audience]:
    """Yield a run's audience, and report the run's end after the block has released its lock and signal handlers.

    tell_interrupts: report a KeyboardInterrupt too. While signals are handled, a KeyboardInterrupt is the second
    Ctrl-C, which ends the process at once.
    """
    with ExitStack() as stack:
        for callback in callbacks:
            stack.enter_context(callback.watching())
        watched = Audience(callbacks)
        try:
            yield watched
        except (Exception, Stopped, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) and not tell_interrupts:
                raise
            watched.stopped = _reason(error)
            watched.end()
            raise
        watched.end()


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED_REASON
    if isinstance(error, Stopped):
        return error.reason
    return " ".join(str(error).split()) if isinstance(error, GanzooError) else described(error)
