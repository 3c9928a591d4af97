"""Writes statistics of a side's features to a file."""

from __future__ import annotations

from pathlib import Path

import torch

from ganzoo.config.schema import Scoring
from ganzoo.errors import GanzooError
from ganzoo.metrics.plan import make_plan
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import check_count
from ganzoo.metrics.statistics_file import write_statistics
from ganzoo_score.compare import warn_few
from ganzoo_score.side import Side


def write_side(
    scoring: Scoring, side: Side, file: Path, *, root: Path, device: torch.device, progress: Progress | None = None
) -> None:
    """Write the mean and covariance of the features that the metric reads, and their origin.

    Raises GanzooError for several metrics, for one that needs more than mean and covariance, or if the side is a file
    of statistics, and WriteFailed if the file cannot be written.
    """
    metric, *others = scoring.metrics
    if others:
        raise GanzooError(f"a file has the statistics of one metric; name {metric.name} alone")
    if metric.reads != "statistics":
        raise GanzooError(f"{metric.name}: it compares more than mean and covariance; name a metric such as fid")
    if side.statistics is not None:
        raise GanzooError(f"{side.title} is a file of statistics already; name images")
    check_count("real", side.count)
    plan = make_plan(scoring, root, device, progress=progress)
    key = extractor, feature = plan.wanted[metric.name]
    if side.images is not None:
        sides = plan.read_set(side.images, root, side.shipped)[0]
    else:
        sides = plan.read_real(side.chunks, side.count)
    warn_few(plan, [side.count])
    notes = {
        "reference": side.title,
        "split": side.split,
        "fingerprint": side.images.fingerprint if side.images is not None else side.content,
        "extractor": extractor,
        "feature": feature,
        "network": plan.readers[extractor].source.network.sha256,
        "mode": sides[key].mode,  # features of a named set are exact in fast mode too, and cached
    }
    write_statistics(file, sides[key].statistics, side.count, notes)


__all__ = ["write_side"]
