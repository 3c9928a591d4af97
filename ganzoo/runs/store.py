"""Addresses of runs: ``NAME://PLACE`` is loaded through the store that a plugin registers under NAME. No torch here."""

from __future__ import annotations

from pathlib import Path

from ganzoo.entries import StoreEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry


def is_address(run: str) -> bool:
    """Tell whether a run is named by an address rather than a path."""
    scheme, separator, _ = run.partition("://")
    return bool(separator) and "/" not in scheme


def is_record(run: str) -> bool:
    """Tell whether a row of a benchmark is named rather than a run."""
    return run.endswith(".json")


def fetch(registry: Registry, run: str) -> Path:
    """Return a run's directory; a store may download it first.

    Raises GanzooError if no store has the address's name, and as the store does.
    """
    if not is_address(run):
        return Path(run)
    entry = registry.get(StoreEntry, run.partition("://")[0])
    place = entry.load()(run)
    if not isinstance(place, Path):
        raise GanzooError(f"the store {entry.name!r} returned {type(place).__name__} for {run}, not a Path")
    return place


def output_directory(run: str, directory: Path) -> Path:
    """Return the default place of files made from a run: its directory, or for an address the working directory."""
    return Path() if is_address(run) else directory
