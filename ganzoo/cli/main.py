"""The command line: what each of its words calls.

Nothing here imports torch at the top, so that help and listings answer at once.
"""

from __future__ import annotations

import os
import sys
import time
from io import TextIOWrapper
from typing import Any, NoReturn

import typer

from ganzoo import __version__
from ganzoo.cli import bench, compare, explain, export, play, plugins, push, report, training, watch, zoo
from ganzoo.errors import GanzooError, RankLost, printable
from ganzoo.plugin.discovery import also_named
from ganzoo.utils import openmp
from ganzoo.utils.signals import Stopped

PATIENCE = 10  # seconds

app = typer.Typer(
    name="ganzoo",
    help="A zoo of GANs: architectures and losses as plugins, trained by one loop, scored by metrics.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="--version prints the version. Anywhere on the line, --plugin FILE.py loads a plugin from a file, and again "
    "for each further file; --debug shows tracebacks.",
)
app.command("run")(training.run)
app.command("resume")(training.resume)
app.command("eval")(training.evaluate)
app.command("sample")(training.sample)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("watch")(watch.watch)
app.command("compare")(compare.compare)
app.command("play")(play.play)
app.command("push")(push.push)
app.command("list")(zoo.list_zoo)
app.command("info")(zoo.info)
app.add_typer(plugins.app, name="plugins")
app.command("explain")(explain.explain)
app.add_typer(bench.app, name="bench")


@app.callback()
def options() -> None:
    """Without options of its own: typer reads any value through pydantic, whose import `ganzoo list` can spare."""


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
        typer.echo(f"ganzoo {__version__}")
        sys.exit(0)
    try:
        arguments, files = _take(arguments, "--plugin")
        with also_named(files):
            code = app(arguments or ["--help"], prog_name="ganzoo", standalone_mode=False)
    except Exception as error:
        _let_others_speak(error)
        if debug:
            raise
        sys.exit(_report(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Stopped as stopped:
        sys.exit(stopped.code)
    sys.exit(code if isinstance(code, int) else 0)


def _take(arguments: list[str], option: str) -> tuple[list[str], list[str]]:
    """The arguments without an option that every command has, and its values."""
    left, values, waiting = [], [], iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if name != option:
            left.append(argument)
            continue
        value = value if equals else next(waiting, "")
        if not value or (not equals and value.startswith("-")):
            raise GanzooError(f"{option} wants a file, for example {option} my_loss.py")
        values.append(value)
    return left, values


def _let_others_speak(error: Exception) -> None:
    """Of several ranks that all meet one error the first says it, and of those that lost another one none does: before
    this one would speak, whoever started them has ended it."""
    if os.environ.get("RANK", "0") != "0" or isinstance(error, RankLost):
        time.sleep(PATIENCE)


def _report(error: Any) -> int:
    """Print an error as one line on stderr; what to exit with."""
    if isinstance(error, GanzooError):
        return _complain(str(error), 2)
    if isinstance(error, BrokenPipeError):
        return 1
    if type(error).__name__ == "Abort":
        return 130
    if hasattr(error, "format_message"):  # the command line itself was wrong
        return _complain(f"{error.format_message()} See `ganzoo --help`.", 2)
    message = " ".join(str(error).split()) or "no message"
    return _complain(f"unexpected {type(error).__name__}: {message} (run again with --debug for the traceback)", 1)


def _complain(message: str, code: int) -> int:
    typer.echo(f"ganzoo: {printable(message)}", err=True)
    return code
