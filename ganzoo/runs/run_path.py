"""Find out what a path is that a command was given as a run: a run, part of one, or something else. No torch here."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")  # the default parent of a run's directory
CONFIG = "config.yaml"
SEAL = b"# sha256 "  # a configuration that a run wrote begins with this
LEFT = ("provenance.json", "checkpoints", "log.jsonl")
SHOWN = 3  # most runs that a message names


def is_run(path: Path) -> bool:
    """Return whether a directory holds a run: a configuration that has a checksum, or is next to a run's other files.

    Neither a checkpoint, which has a copy of its run's configuration, nor a user's own ``config.yaml`` is a run.
    """
    if not _is_file(path / CONFIG) or is_checkpoint(path):
        return False
    return _is_sealed(path / CONFIG) or any((path / name).exists() for name in LEFT)


def is_checkpoint(path: Path) -> bool:
    """Return whether a directory is a checkpoint."""
    return _is_file(path / "meta.json")


def not_a_run(path: Path) -> str:
    """Return one line that says what ``path`` is, given that it is not a run, and what was probably meant."""
    return f"{path} is not a run directory: {_explanation(path)}"


def _explanation(path: Path) -> str:
    kind, name = _kind(path), path.absolute().name
    if kind == "missing":
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
        more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
        return f"it holds runs; name one of them: {', '.join(runs[:SHOWN])}{more}"
    return f"it is a {kind}, but no run was begun in it; name a directory that `ganzoo run` made"


def _kind(path: Path) -> str:
    try:
        if path.is_dir():
            return "directory"
        return "file" if path.exists() else "missing"
    except (OSError, ValueError):  # a name that no file system takes
        return "missing"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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
