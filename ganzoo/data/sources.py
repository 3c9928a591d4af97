"""Construct the source of a data set from its entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.config.schema import ALL, LABELS
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import DataSource
from ganzoo.params import NoParams

AUTO = "auto"  # of data.labels: use any labels that the source finds
NONE = "none"
BEFORE = LABELS[-1]
EVERYWHERE = (AUTO, NONE, BEFORE)


def make_source(
    entry: DatasetEntry,
    location: str | None,
    root: Path,
    split: str,
    *,
    params: Any = None,
    labels: str = AUTO,
    formats: str = ALL,
    name: str | None = None,
) -> DataSource:
    """Construct the source with the arguments that its entry asks for.

    params: an instance of the entry's dataclass; None for its defaults. labels, formats: as in ``data``. name: the
    set's name in messages; None for the entry's. Raises GanzooError if a location is missing or not allowed, or if the
    source does not support ``labels``.
    """
    name = name or entry.name
    if entry.takes_location and not location:
        raise GanzooError(f"data.name={name}: write where the images are, {entry.name}:PATH")
    if location and not entry.takes_location:
        raise GanzooError(f"data.name={name}: {entry.name} takes no location; write data.name={entry.name}")
    if labels not in (*EVERYWHERE, *entry.label_sources):
        known = " or ".join([", ".join([AUTO, *entry.label_sources]), NONE])
        raise GanzooError(f"data.labels={labels}: {entry.name} knows only {known}; set one of these")
    arguments: list[Any] = [location, root, split]
    if (params := params_of(entry, params)) is not None:
        arguments.append(params)
    source: DataSource = entry.construct(*arguments, **({"labels": labels} if entry.label_sources else {}))
    source.formats = formats
    return source


def params_of(entry: DatasetEntry, given: Any = None) -> Any:
    """Return the source's parameters: by default the entry's defaults, None for an entry without parameters."""
    if entry.params is NoParams:
        return None
    return entry.params() if given is None else given


__all__ = ["AUTO", "NONE", "make_source", "params_of"]
