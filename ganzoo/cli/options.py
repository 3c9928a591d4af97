"""Arguments and options that several commands share; plugins' commands may use them too. No torch here."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import click

from ganzoo.cli.completion import complete_run, complete_source
from ganzoo.errors import GanzooError
from ganzoo.utils.files import write_text

PATH = click.Path(path_type=Path)
LARGEST_SEED = 2**63 - 1
MOST_SEEDS = 10_000

run_argument = click.argument("run", metavar="RUN", type=PATH, shell_complete=complete_run)
"""``run``: a run directory on this machine, as a Path."""

source_argument = click.argument("run", metavar="RUN", shell_complete=complete_source)
"""``run``: a run directory, an address (``hf://OWNER/NAME``) or registered weights (``RECIPE@DATA``), as a string for
:func:`ganzoo.runs.store.fetch`."""

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
inception_option = click.option("--inception", metavar="FILE", help="Weights file of the extractor inception.")

devices_option = click.option(
    "--devices",
    type=int,
    default=1,
    show_default=True,
    help="GPUs of this machine, or processes on its CPU, that share the work.",
)


def check_file(file: Path | None) -> None:
    """Raise GanzooError if a file to write is a directory, a device or a pipe, or is below a file. Call this before the
    work begins."""
    if file is None:
        return
    if file.is_dir():
        raise GanzooError(f"{file} is a directory; name a file to write")
    if file.exists() and not file.is_file():
        raise GanzooError(f"{file} is a device or a pipe, which would be replaced; name a file to write")
    if above := next(filter(Path.is_file, file.parents), None):
        raise GanzooError(f"cannot write {file}: {above} is a file; name another path")


def write_file(file: Path, content: str) -> None:
    """Write a file and its parent directories, and print its path. Raises GanzooError if that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GanzooError(f"cannot write {file}: {error.strerror}") from error
    write_text(file, content)
    click.echo(file)


def read_seeds(text: str, *, repeated: bool = False) -> list[int]:
    """Return the seeds of a list such as ``3,7,10-20``, in its order; a range includes both ends.

    repeated: a seed may be listed twice. Raises GanzooError for a malformed list, for a seed above 2^63-1, and for more
    than ``MOST_SEEDS`` seeds.
    """
    seeds: list[int] = []
    for part in map(str.strip, text.split(",")):
        found = re.fullmatch(r"([0-9]+)(?:\s*-\s*([0-9]+))?", part)
        if found is None:
            raise GanzooError(f"--seeds: {part!r} is not a seed or a range of seeds; write, for example, 3,7,10-20")
        numbers = [number for number in found.groups() if number is not None]
        if any(len(number) > 4000 or int(number) > LARGEST_SEED for number in numbers):  # Python reads 4300 digits
            raise GanzooError(f"--seeds: {part} is out of range; a seed is 0 to {LARGEST_SEED}")
        first, last = int(numbers[0]), int(numbers[-1])
        if last < first:
            raise GanzooError(f"--seeds: the range {part} descends; write {last}-{first}")
        if len(seeds) + last - first >= MOST_SEEDS:
            raise GanzooError(f"--seeds lists more than {MOST_SEEDS} seeds; list fewer")
        seeds.extend(range(first, last + 1))
    if not repeated and (twice := next((seed for seed, n in Counter(seeds).items() if n > 1), None)) is not None:
        raise GanzooError(f"--seeds lists {twice} twice; list each seed once")
    return seeds
