"""Warnings and notes on the terminal: all messages to loggers below ``ganzoo``.

Modules log with ``logging.getLogger(__name__)``. A plugin uses ``logging.getLogger(f"ganzoo.{__name__}")`` to have its
messages shown. Outside :func:`showing`, ganzoo configures no logging, so that programs that use it as a library can.
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
    """A handler that passes the text of warnings to ``warn``, and that of lower levels to ``note``."""

    def __init__(self, warn: Callable[[str], None], note: Callable[[str], None], level: int = logging.INFO) -> None:
        super().__init__(level)
        self.warn, self.note = warn, note

    def emit(self, record: logging.LogRecord) -> None:
        try:
            (self.warn if record.levelno >= logging.WARNING else self.note)(record.getMessage())
        except Exception:
            self.handleError(record)


def say(line: str) -> None:
    """Print a command's line to stdout without disturbing the waits that are shown."""
    with aside():
        click.echo(line)


def to_stderr() -> Messages:
    """Return a handler that prints warnings to stderr, for commands without a display."""
    return Messages(_print_warning, _print_warning, logging.WARNING)


@contextmanager
def showing(handler: logging.Handler) -> Iterator[None]:
    """Send all messages below ``ganzoo`` only to this handler, until the end of the block."""
    logger = logging.getLogger("ganzoo")
    before = logger.handlers[:], logger.level, logger.propagate
    # No propagation: a library may have added a handler to the root logger, which would print each line again.
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
