"""Opens a command's argument as a side of a score."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import torch

from ganzoo.config.schema import ReferenceSet
from ganzoo.config.scoring import PICKLES, find_reference
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError
from ganzoo.metrics.npz import SUFFIX, Npz
from ganzoo.metrics.statistics_file import SPLIT, read_statistics
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_path import is_run
from ganzoo.runs.store import fetch, is_elsewhere
from ganzoo.utils.files import user_path
from ganzoo_score.generated import Drawing, open_run
from ganzoo_score.samples import NAME, open_samples
from ganzoo_score.sets import open_files, open_set
from ganzoo_score.side import Side

KINDS = "a directory, a zip, an .npz, a run, an address, weights (RECIPE@DATA) or the name of a data set"


def open_side(
    text: str, drawing: Drawing, widths: Collection[int], registry: Registry, root: Path, device: torch.device
) -> Side:
    """Open a directory, a zip, an ``.npz``, a run, an address such as ``hf://OWNER/NAME``, registered weights, or
    ``SET[:SPLIT]``.

    If a path of this name exists, it is opened. widths: the allowed widths of the features in a file of statistics.
    Raises GanzooError for anything else.
    """
    path = user_path(text)
    if os.path.exists(path):  # noqa: PTH110, pathlib raises for a name that no file system takes
        return _open_path(path, text, drawing, widths, registry, root, device)
    first = text.partition(":")[0]
    known = registry.lookup(DatasetEntry, first) or registry.lookup(DatasetEntry, ":".join(text.split(":")[:2]))
    if known is not None:
        found = find_reference(text, registry)
        if isinstance(found, ReferenceSet):
            return open_set(found, root)
        raise GanzooError(f"{text} is a file of another kind; name {KINDS}")
    if is_elsewhere(text):
        return open_run(fetch(registry, text), text, drawing, registry, device)
    sets = ", ".join(sorted(entry.name for entry in registry.of_kind(DatasetEntry) if not entry.takes_location))
    raise GanzooError(f"{text} does not exist and is not a data set; name {KINDS} ({sets})")


def _open_path(
    path: Path,
    text: str,
    drawing: Drawing,
    widths: Collection[int],
    registry: Registry,
    root: Path,
    device: torch.device,
) -> Side:
    suffix = path.suffix.lower()
    if path.is_dir():
        return (
            open_run(path, text, drawing, registry, device)
            if is_run(path)
            else open_files("folder", path, registry, root)
        )
    if suffix == ".zip":
        return open_files("zip", path, registry, root)
    if suffix in (SUFFIX, *PICKLES):
        return _open_npz(path, widths)
    raise GanzooError(f"{path} is a file of another kind; name {KINDS}")


def _open_npz(path: Path, widths: Collection[int]) -> Side:
    """Open samples or statistics, depending on the arrays' names."""
    if path.suffix.lower() == SUFFIX and NAME in Npz(path).names:
        return open_samples(path)
    found = read_statistics(path, widths)
    return Side(str(path), found.count, statistics=found, split=SPLIT)


__all__ = ["open_side"]
