"""Labels of the images that a metric compares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.entries import MetricEntry
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.metrics.plan import Sides


def check_labels(metrics: Iterable[MetricEntry], unlabelled: str, labelled: bool) -> None:
    """Check that metrics which read labels get them.

    unlabelled: the real set's name if it has no labels, otherwise "". labelled: the generated images have labels.
    Raises GanzooError that names the metric and what has no labels.
    """
    for entry in metrics:
        if not entry.reads_labels:
            continue
        if unlabelled:
            raise GanzooError(f"{entry.name}: it reads labels and {unlabelled} has none; see data.labels")
        if not labelled:
            raise GanzooError(f"{entry.name}: it reads labels and the generator is not class-conditional; leave it out")


def add_labels(sides: Sides, labels: NDArray[Any] | None) -> None:
    """Give every reading of a side the labels of its images ``(N,)``."""
    for side in sides.values():
        side.labels = None if labels is None else np.asarray(labels, dtype=np.int64)


__all__ = ["add_labels", "check_labels"]
