"""The shared work of the commands: resolving metrics, choosing a device, opening sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ganzoo.config.arguments import as_arguments
from ganzoo.config.resolve import resolve_scoring
from ganzoo.config.schema import Scoring
from ganzoo.console.display import make_display
from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractors import check
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.scored_against import feature_widths
from ganzoo.plugin.registry import Registry
from ganzoo.training.callbacks import audience
from ganzoo.utils.files import data_root
from ganzoo.utils.safe_yaml import path_or_mapping
from ganzoo_score.generated import Drawing
from ganzoo_score.side import Side
from ganzoo_score.sides import open_side


@dataclass(frozen=True)
class Work:
    """A command's metrics, and where and how to compute them. drawing: the way runs are sampled."""

    registry: Registry
    scoring: Scoring
    drawing: Drawing
    root: Path
    device: torch.device
    progress: Progress

    def open(self, text: str) -> Side:
        """Open a command's argument, see :func:`ganzoo_score.sides.open_side`."""
        return open_side(text, self.drawing, feature_widths(self.scoring), self.registry, self.root, self.device)


@contextmanager
def working(metrics: str, options: Mapping[str, Any]) -> Iterator[Work]:
    """Prepare the work of a command, and show its progress.

    metrics: their names, separated by commas. options: those of ``ganzoo_score.commands.shared``. Raises GanzooError if
    a metric is unknown or a setting is out of bounds.
    """
    if not metrics.strip():
        raise GanzooError("no metric is named; choose some, for example --metrics fid,kid")
    registry = Registry.load()
    named = {
        "metrics.names": metrics,
        "metrics.fakes": options["samples"],
        "metrics.seed": options["seed"],
        "metrics.mode": options["mode"],
        "metrics.weights": options["weights"] and path_or_mapping(options["weights"]),
        "metrics.inception": options["inception"],
    }
    arguments = as_arguments({key: value for key, value in named.items() if value is not None})
    scoring = resolve_scoring(registry, arguments)[-1]
    check(scoring)
    drawing = Drawing(options["samples"], options["seed"], options["checkpoint"], options["truncation"])
    prepare_process()
    with audience([make_display(Console(stderr=True))]) as watched:  # only the figures go to stdout
        yield Work(registry, scoring, drawing, data_root(None), pick_device("auto"), watched.scoring)


__all__ = ["Work", "working"]
