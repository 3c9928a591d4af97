"""The classes in a snapshot's grid, as the run's directory holds them. Untrusted input: damaged values are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.runs.checkpoint import PREFIX
from ganzoo.runs.class_names import directory_names
from ganzoo.runs.run_dir import RunDir, read_json

LABELS = "labels"  # in a snapshot's record of verdicts: the label of each generated image, in the grid's order
MOST = 2**31


def read_labels(record: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the labels of a snapshot's generated images; () if the generator is unconditional."""
    noted = record.get(LABELS)
    if not isinstance(noted, list) or not all(isinstance(label, int) and 0 <= label < MOST for label in noted):
        return ()
    return tuple(noted)


def names_of(labels: Sequence[int], provenance: Mapping[str, Any]) -> list[str]:
    """Return the name of each label's class; its number if the run knows no name for it."""
    names = directory_names(provenance)
    return [names[label] if label < len(names) else str(label) for label in labels]


def newest_grid(directory: RunDir) -> Path | None:
    """Return the file of the newest sample grid, or None."""
    return max(directory.samples.glob(f"{PREFIX}*.png"), default=None)


def caption(directory: RunDir, snapshot: str) -> str:
    """Return the order of the classes in a snapshot's grid as text; "" if its generator is unconditional."""
    labels = read_labels(read_json(directory.verdicts / f"{snapshot}.json"))
    names = names_of(list(dict.fromkeys(labels)), directory.provenance())
    return f"classes in order: {', '.join(names)}" if names else ""


__all__ = ["LABELS", "caption", "names_of", "newest_grid", "read_labels"]
