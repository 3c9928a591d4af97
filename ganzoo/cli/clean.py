"""`ganzoo clean`: remove old checkpoints and caches, but only what ganzoo wrote."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.completion import complete_run
from ganzoo.cli.options import PATH
from ganzoo.errors import Damaged, GanzooError, printable
from ganzoo.utils.files import data_root, discard, regular, with_tilde

if TYPE_CHECKING:
    from ganzoo.runs.run_dir import RunDir

CACHE = re.compile("[0-9a-f]{32}")
FEATURES = re.compile(r"[A-Za-z0-9]{1,32}-[\w.]+-[0-9]+(x[0-9]+)+-.+\.npz", re.ASCII)
ARRAYS = {"mu.npy", "sigma.npy", "features.npy"}


@dataclass(frozen=True)
class Clutter:
    """A file or directory that may be removed. size: its bytes. run: the run of a checkpoint; None for a cache."""

    path: Path
    what: str
    size: int
    run: Path | None = None


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=PATH, shell_complete=complete_run)
@click.option("--dry-run", is_flag=True, help="Only list what --yes would remove; the default.")
@click.option("--yes", is_flag=True, help="Remove what is listed.")
def clean(runs: tuple[Path, ...], dry_run: bool, yes: bool) -> None:
    """Remove caches, and the checkpoints of runs except the best and the newest.

    With RUN, only checkpoints of these runs are removed. Without RUN, those of
    all runs in runs/ and the caches of decoded images and of features, which
    the next run makes again. Runs in which a process works are left alone.
    """
    if dry_run and yes:
        raise GanzooError("--dry-run and --yes contradict each other; give one of them")
    total = failed = 0
    for found in find(runs):
        size = f"{found.size / 2**20:.1f} MiB"
        line = f"{size:>12}  {printable(with_tilde(found.path))}  ({found.what})"
        try:
            if yes:
                remove(found)
        except (GanzooError, OSError) as error:
            click.echo(f"not removed: {printable(with_tilde(found.path))}: {error}", err=True)
            failed += 1
            continue
        total += found.size
        click.echo(line)
    if not total and not failed:
        click.echo("nothing to remove")
    elif yes:
        click.echo(f"removed {total / 2**20:.1f} MiB")
    else:
        click.echo(f"{total / 2**20:.1f} MiB would be removed; do it with --yes")
    if failed:
        raise click.exceptions.Exit(1)


def find(runs: tuple[Path, ...]) -> Iterator[Clutter]:
    """Yield what may be removed: from the given runs, or without any from all runs and the caches.

    Raises GanzooError for a path that is not a run.
    """
    from ganzoo.runs.overview import look_through
    from ganzoo.runs.run_dir import RunDir
    from ganzoo.runs.run_path import RUNS

    chosen = [RunDir.open(run) for run in runs] or [RunDir(row.path) for row in look_through(RUNS).rows]
    for directory in chosen:
        yield from old_checkpoints(directory)
    if not runs:
        yield from caches(data_root(None))


def old_checkpoints(directory: RunDir) -> Iterator[Clutter]:
    """Yield the checkpoints older than the newest good one, except the best; none if a process works in the run."""
    from ganzoo.runs.checkpoint import list_checkpoints
    from ganzoo.utils.lock import is_held

    place = directory.path
    if directory.checkpoints.is_symlink() or is_held(place):
        why = "a process works in it" if is_held(place) else "its checkpoints are a link"
        click.echo(f"{printable(str(place))} is left alone: {why}", err=True)
        return
    try:
        newest = directory.newest_good()
    except Damaged as error:
        click.echo(f"{printable(str(place))} is left alone: {error}", err=True)
        return
    best = directory.best()
    for checkpoint in list_checkpoints(directory.checkpoints):
        path = checkpoint.path
        if newest is None or path.name >= newest.path.name or path.name == best or path.is_symlink():
            continue
        if _holds_only(path, {"meta.json", *checkpoint.files}):
            yield Clutter(path, "old checkpoint", _size(path), place)


def caches(root: Path) -> Iterator[Clutter]:
    """Yield the caches of decoded images and of features, but no data sets."""
    from ganzoo.data.cache import COMPLETE, SUMS
    from ganzoo.utils.checksum import unsealed
    from ganzoo.utils.safe_yaml import parse_json

    for path in _entries(root / "cache"):
        if path.is_symlink() or not CACHE.fullmatch(path.name):
            continue
        with suppress(OSError, ValueError, AttributeError, TypeError):
            meta = unsealed(parse_json(regular(path / "meta.json").read_bytes()))
            if meta["key"][:32] == path.name and _holds_only(path, {"meta.json", COMPLETE, *meta[SUMS]}):
                yield Clutter(path, "decoded images", _size(path))
    for path in _entries(root / "statistics"):
        if path.is_symlink() or not FEATURES.fullmatch(path.name) or not path.is_file():
            continue
        with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            if set(archive.namelist()) <= ARRAYS:
                yield Clutter(path, "features of real images", path.stat().st_size)


def remove(clutter: Clutter) -> None:
    """Remove one item, a checkpoint under the lock of its run. Raises GanzooError or OSError if that fails."""
    from ganzoo.utils.lock import alone_in

    if clutter.run is not None:
        with alone_in(clutter.run):
            discard(clutter.path)
    elif clutter.path.is_dir():
        discard(clutter.path)
    else:
        clutter.path.unlink()


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _holds_only(directory: Path, names: set[str]) -> bool:
    """Return whether a directory holds only regular files with these names, and no links."""
    return all(path.name in names and path.is_file() and not path.is_symlink() for path in _entries(directory))


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in _entries(directory))
