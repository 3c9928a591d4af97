"""The last lines about a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Finished(Protocol):
    """A finished run: its directory and that of its sample grids."""

    @property
    def path(self) -> Path: ...
    @property
    def samples(self) -> Path: ...


def summary(run: Finished, score: Mapping[str, Any]) -> list[str]:
    """Return what the run scored and the paths of its newest sample grid and its directory, one line each."""
    grids = sorted(run.samples.glob("*.png"))
    return [score_line(score), *(f"samples: {grid}" for grid in grids[-1:]), f"run: {run.path}"]


def score_line(score: Mapping[str, Any]) -> str:
    """Return the values of a score with the number of images behind them."""
    if not score:
        return "score: none"
    protocol = score["protocol"]
    values = ", ".join(f"{name} {value:.4g}" for name, value in score["values"].items())
    reference = f"{protocol['real_pictures']} {protocol['split']} pictures of {protocol['reference']}"
    against = f"{protocol['fake_pictures']} generated against {reference}"
    note = " (a demonstration: scored against its own training pictures)" if protocol.get("demonstration") else ""
    return f"score: {values}: {against}{note}"
