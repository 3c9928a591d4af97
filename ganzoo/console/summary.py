"""The last lines about a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ganzoo.errors import printable


class Scored(Protocol):
    """A score: its values by name, and how they were computed."""

    @property
    def values(self) -> Mapping[str, float]: ...
    @property
    def protocol(self) -> Mapping[str, Any]: ...


class Finished(Protocol):
    """A finished run."""

    @property
    def path(self) -> Path: ...
    @property
    def samples(self) -> list[Path]: ...
    @property
    def score(self) -> Scored | None: ...


def summary(run: Finished) -> list[str]:
    """Return the run's score and the paths of its newest sample grid and its directory, one line each."""
    grids = [f"samples: {grid}" for grid in run.samples[-1:]]
    return [score_line(run.score), *map(printable, [*grids, f"run: {run.path}"])]


def score_line(score: Scored | None) -> str:
    """Return the values of a score and the numbers of images that it compares, in one line."""
    if score is None or not score.values:
        return "score: none"
    protocol = score.protocol
    values = ", ".join(f"{name} {value:.4g}" for name, value in score.values.items())
    note = ""
    if protocol.get("demonstration"):
        note = " (a demonstration: scored against its own training images)"
    elif protocol.get("training_images"):
        note = " (scored against its own training images)"
    return printable(f"score: {values}: {_scored(protocol)} against {_reference(protocol)}{note}")


def _scored(protocol: Mapping[str, Any]) -> str:
    """Return the generated side in words: how many images, or a file of statistics."""
    count, name = protocol.get("fake_pictures"), protocol.get("scored")
    if name is None:
        return f"{count} generated"
    return f"{count} images of {name}" if count else f"the statistics in {name}"


def _reference(protocol: Mapping[str, Any]) -> str:
    """Return the real side in words: how many images of which split, or a file of statistics."""
    name, count, split = (protocol.get(key) for key in ("reference", "real_pictures", "split"))
    if split == "statistics":
        return f"the statistics in {name}" + (f" of {count} images" if count else "")
    return f"all {count} images of {name}" if split == "all" else f"{count} {split} images of {name}"
