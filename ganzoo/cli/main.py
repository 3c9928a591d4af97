"""The command line from its arguments to its exit code.

Nothing here imports torch at the top, so that help and listings are fast.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from io import TextIOWrapper
from typing import NoReturn

import click

from ganzoo import __version__
from ganzoo.cli.commands import app
from ganzoo.console.messages import showing, to_stderr
from ganzoo.console.waits import on_stderr
from ganzoo.errors import GanzooError, RankLost, printable
from ganzoo.plugin.discovery import FILES
from ganzoo.utils import openmp
from ganzoo.utils.files import user_path
from ganzoo.utils.places import place_of
from ganzoo.utils.signals import INTERRUPTED, Stopped
from ganzoo.utils.waiting import watched_by

PATIENCE = 10  # seconds
UNUSABLE = (NotADirectoryError, FileExistsError, IsADirectoryError, PermissionError)  # e.g. for a path below a file


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 unexpected, 2 bad input, 75 stopped by SIGTERM, 130 by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file name may hold bytes that are not UTF-8
            stream.reconfigure(errors="backslashreplace")
    openmp.prepare()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments or bool(os.environ.get("GANZOO_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    if arguments[:1] == ["--version"]:
        click.echo(f"ganzoo {__version__}")
        sys.exit(0)
    try:
        arguments, files = _take(arguments, "--plugin")
        with _also_named(files), showing(to_stderr()), closing(on_stderr()) as waits, watched_by(waits):
            code = app(arguments or ["--help"], prog_name="ganzoo", standalone_mode=False)
    except Exception as error:
        _let_others_speak(error)
        if debug:
            raise
        sys.exit(_report(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Stopped as stopped:
        sys.exit(stopped.code)
    sys.exit(code if isinstance(code, int) else 0)


def _take(arguments: list[str], option: str) -> tuple[list[str], list[str]]:
    """Return the arguments without an option that every command has, and the values of that option."""
    left, values, waiting = [], [], iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if name != option:
            left.append(argument)
            continue
        value = value if equals else next(waiting, "")
        if not value or (not equals and value.startswith("-")):
            raise GanzooError(f"{option} needs a file, for example {option} my_loss.py")
        values.append(value)
    return left, values


@contextmanager
def _also_named(files: Iterable[str]) -> Iterator[None]:
    """Name plugin files in the environment during the block, for this process and those that it starts.

    Raises GanzooError if a path contains the separator of paths.
    """
    before, paths = os.environ.get(FILES), [str(user_path(file).absolute()) for file in files]
    for path in paths:
        if os.pathsep in path:
            raise GanzooError(f"the plugin file {path} has {os.pathsep!r} in its path; move it")
    if paths:
        os.environ[FILES] = os.pathsep.join([*filter(None, [before]), *paths])
    try:
        yield
    finally:
        if before is not None:
            os.environ[FILES] = before
        elif paths:
            del os.environ[FILES]


def _let_others_speak(error: Exception) -> None:
    """Wait before an error is reported on any rank but the first, or because another rank was lost.

    So an error on all ranks is reported once: the launcher ends the other processes while they wait.
    """
    if os.environ.get("RANK", "0") != "0" or isinstance(error, RankLost):
        time.sleep(PATIENCE)


def _report(error: Exception) -> int:
    """Print an error as one line on stderr; return the exit code."""
    if isinstance(error, GanzooError):
        return _complain(str(error), 2)
    if isinstance(error, BrokenPipeError):
        return 1
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, click.ClickException):  # the command line itself was wrong
        return _complain(f"{error.format_message()} See `ganzoo --help`.", 2)
    unusable = isinstance(error, UNUSABLE) or getattr(error, "errno", None) == errno.ENAMETOOLONG
    if isinstance(error, OSError) and unusable and error.filename is not None:
        return _complain(f"cannot use {_name(error)}: {error.strerror}; name another path", 2)
    message = " ".join(str(error).split()) or "no message"
    if _is_out_of_memory(error):
        return _complain(f"out of memory; choose a smaller loop.batch or network, or loop.accumulate=4 ({message})", 2)
    place = f"{type(error).__name__}{place_of(error)}"
    return _complain(f"unexpected {place}: {message} (run again with --debug for the traceback)", 1)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory is short: NumPy's MemoryError, or what torch raises on a GPU and on a CPU."""
    return isinstance(error, MemoryError) or any(
        text in f"{type(error).__name__}: {error}" for text in ("OutOfMemoryError", "can't allocate memory")
    )


def _name(error: OSError) -> str:
    """Return the path of a failed operation."""
    return os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)


def _complain(message: str, code: int) -> int:
    click.echo(f"ganzoo: {printable(message)}", err=True)
    return code
