"""Find out whether a path that names a run is a run, a part of one, or something else. No torch here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ganzoo.utils.listing import some_of

RUNS = Path("runs")  # the default parent of a run's directory
CONFIG = "config.yaml"
SEAL = b"# sha256 "  # a configuration that a run wrote begins with this
LEFT = ("provenance.json", "checkpoints", "log.jsonl")
CHECKPOINT = re.compile(r"kimg([0-9]+\.[0-9]+)")  # the names that ganzoo.runs.checkpoint gives
ADDRESS = re.compile(r"[a-z0-9]+:/")  # of a store, such as hf://OWNER/NAME, as a path
SHOWN = 3  # most runs that a message names


def is_run(path: Path) -> bool:
    """Return whether a directory holds a run: a configuration that has a checksum, or is next to a run's other files.

    Neither a checkpoint, which has a copy of its run's configuration, nor a user's own ``config.yaml`` is a run.
    """
    if not _is_file(path / CONFIG) or is_checkpoint(path):
        return False
    return _is_sealed(path / CONFIG) or any((path / name).exists() for name in LEFT)


def kimg_of_checkpoints(path: Path) -> float:
    """Return the kimg that the name of a run's newest checkpoint gives, or 0."""
    names = (CHECKPOINT.fullmatch(found.name) for found in path.glob("checkpoints/*"))
    return max((float(name[1]) for name in names if name), default=0.0)


def is_checkpoint(path: Path) -> bool:
    """Return whether a directory is a checkpoint."""
    return _is_file(path / "meta.json")


def not_a_run(path: Path) -> str:
    """Return one line that says what ``path`` is, given that it is not a run, and what was probably meant."""
    return f"{path} is not a run directory: {_explanation(path)}"


def _explanation(path: Path) -> str:
    kind, name = _kind(path), path.absolute().name
    if kind == "missing":
        if ADDRESS.match(str(path)):
            return "this command needs a directory, and not an address; name one that `ganzoo run` made"
        return "it does not exist; name a directory that `ganzoo run` made"
    run = next((_as_typed(parent) for parent in path.absolute().parents if is_run(parent)), None)
    if is_checkpoint(path) and run is not None:
        return f"it is a checkpoint of {run}; name that run (eval, sample and export take --checkpoint {name})"
    if is_checkpoint(path):
        return "it is a checkpoint without its run; name the run directory that it was copied from"
    if run is not None:
        return f"it is a {kind} in the run {run}; name that run"
    runs = sorted(found.name for found in _entries(path) if is_run(found))
    if runs:
        return f"it holds runs; name one of them: {some_of(runs, SHOWN)}"
    return f"it is a {kind}, but no run was begun in it; name a directory that `ganzoo run` made"


def _kind(path: Path) -> str:
    # pathlib raises for a name that no file system takes.
    if os.path.isdir(path):  # noqa: PTH112
        return "directory"
    return "file" if os.path.exists(path) else "missing"  # noqa: PTH110


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113, as in _kind


def _is_sealed(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(SEAL)) == SEAL
    except OSError:
        return False


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _as_typed(run: Path) -> Path:
    """Return a path as a user would type it: relative if it is in the working directory."""
    here = Path.cwd()
    return run.relative_to(here) if run.is_relative_to(here) else run
