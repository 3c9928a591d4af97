"""Arguments and options that several commands share, for commands of plugins too. No torch here."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.errors import GanzooError
from ganzoo.utils.files import write_text

PATH = click.Path(path_type=Path)

run_argument = click.argument("run", metavar="RUN", type=PATH)
"""``run``: a run directory on this machine, as a Path."""

source_argument = click.argument("run", metavar="RUN")
"""``run``: a run directory or an address (``hf://OWNER/NAME``), as a string for :func:`ganzoo.runs.store.fetch`."""

checkpoint_option = click.option(
    "--checkpoint",
    default="latest",
    show_default=True,
    metavar="NAME",
    help="latest, best (by the first metric), or a checkpoint's name.",
)

truncation_option = click.option(
    "--truncation", type=float, default=1.0, show_default=True, help="Below 1: nearer the mean, less variety."
)

weights_option = click.option("--weights", metavar="FILE", help="File of the extractor, or {EXTRACTOR: FILE}.")
inception_option = click.option("--inception", metavar="FILE", help="The same for the extractor inception alone.")

devices_option = click.option(
    "--devices",
    type=int,
    default=1,
    show_default=True,
    help="GPUs of this machine, or processes on its CPU, that share the work.",
)


def check_file(file: Path | None) -> None:
    """Raise GanzooError if a file to write is a directory or lies below a file; call it before any work is done."""
    if file is not None and file.is_dir():
        raise GanzooError(f"{file} is a directory; name a file to write")
    if file is not None and (above := next(filter(Path.is_file, file.parents), None)):
        raise GanzooError(f"cannot write {file}: {above} is a file; name another path")


def write_file(file: Path, content: str) -> None:
    """Write a file and its parent directories, and print its path. Raises GanzooError if that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GanzooError(f"cannot write {file}: {error.strerror}") from error
    write_text(file, content)
    click.echo(file)
