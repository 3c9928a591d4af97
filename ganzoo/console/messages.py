"""Warnings and notes on the terminal: everything logged below ``ganzoo``.

Modules log with ``logging.getLogger(__name__)``. A plugin logs below the same name to have its messages shown:
``logging.getLogger(f"ganzoo.{__name__}")``. Outside :func:`showing` ganzoo configures no logging, so that a program
that uses it as a library decides.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ganzoo.errors import printable
from ganzoo.utils.waiting import aside


class Messages(logging.Handler):
    """Passes the text of warnings to ``warn``, and that of lower levels to ``note``."""

    def __init__(self, warn: Callable[[str], None], note: Callable[[str], None], level: int = logging.INFO) -> None:
        super().__init__(level)
        self.warn, self.note = warn, note

    def emit(self, record: logging.LogRecord) -> None:
        try:
            (self.warn if record.levelno >= logging.WARNING else self.note)(record.getMessage())
        except Exception:
            self.handleError(record)


def say(line: str) -> None:
    """Print a line of a command's own to stdout, beside the waits that are shown."""
    with aside():
        click.echo(line)


def to_stderr() -> Messages:
    """Return a handler that prints warnings to stderr, for commands without a display."""
    return Messages(_print_warning, _print_warning, logging.WARNING)


@contextmanager
def showing(handler: logging.Handler) -> Iterator[None]:
    """Send all that is logged below ``ganzoo`` to this handler alone, until the end of the block."""
    logger = logging.getLogger("ganzoo")
    before = logger.handlers[:], logger.level, logger.propagate
    # No propagation: a library may have given the root logger a handler, which would print each line again.
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(handler.level)
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


def _print_warning(message: str) -> None:
    line = f"warning: {printable(message)}"
    line = f"\x1b[33m{line}\x1b[0m" if sys.stderr.isatty() else line
    with aside():
        print(line, file=sys.stderr, flush=True)  # noqa: T201
