"""Scores one side against another."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo.config.schema import Scoring
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractors import check_statistics_suffice
from ganzoo.metrics.plan import Plan, Sides, make_plan
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import Score, check_count, describe_set, measure
from ganzoo_score.side import Side

logger = logging.getLogger("ganzoo.score")


def compare(
    scoring: Scoring, fake: Side, real: Side, *, root: Path, device: torch.device, progress: Progress | None = None
) -> Score:
    """Score ``fake`` against ``real``.

    Raises GanzooError and NetworkMissing as :func:`ganzoo.metrics.score.score` does.
    """
    begun, seed = time.perf_counter(), scoring.settings.seed
    check(scoring, fake, real)
    plan = make_plan(scoring, root, device, progress=progress)
    # A file that does not fit is reported before any image is read.
    fake_given, real_given = (plan.given(side.statistics) if side.statistics else None for side in (fake, real))
    fake_sides = fake_given[0] if fake_given else plan.read_fake(fake.chunks, fake.count)
    real_sides, origins = real_given or _read_real(plan, real, root)
    _warn(plan, fake, real)
    protocol: dict[str, Any] = {
        **_describe(real),
        "scored": fake.title,
        **({"scored_fingerprint": fake.content} if fake.content else {}),
        **{f"reference_{name}": value for name, value in real.described.items()},
        **fake.described,
        **plan.protocol(real.shape, fake.count, seed, origins),
        **({"picture": real.picture} if real.picture else {}),
        **({"fake_picture": fake.picture} if fake.picture and fake.picture != real.picture else {}),
        **({"training_images": True} if seen_in_training(fake, real) else {}),
        **({"same_images": True} if fake.content and fake.content == real.content else {}),
    }
    return measure(plan, real_sides, fake_sides, seed, protocol, begun)


def check(scoring: Scoring, fake: Side, real: Side) -> None:
    """Raise GanzooError if a metric cannot be computed from these sides."""
    for side, what in ((fake, "generated"), (real, "real")):
        if side.statistics is None:
            check_count(what, side.count)
    for metric in scoring.metrics:
        if metric.reads_labels:
            raise GanzooError(f"{metric.name}: it compares within classes, which is for runs; see `ganzoo eval`")
    for side in (fake, real):
        if side.statistics is not None:
            check_statistics_suffice(scoring, side.title, generated=side is fake)


def seen_in_training(fake: Side, real: Side) -> bool:
    """Return whether a run is scored against the images that it was trained on."""
    pairs = ((fake, real), (real, fake))
    return any(run.trained_on is not None and run.trained_on(other) for run, other in pairs)


def _read_real(plan: Plan, side: Side, root: Path) -> tuple[Sides, dict[str, str]]:
    if side.images is not None:
        return plan.read_set(side.images, root, side.shipped)
    return plan.read_real(side.chunks, side.count), dict.fromkeys(plan.readers, "extracted")


def _describe(side: Side) -> dict[str, Any]:
    """Return the protocol's facts about the real side."""
    if side.statistics is not None:
        return side.statistics.protocol()
    if side.images is not None:
        return describe_set(replace(side.images, demonstration=False))  # it is meant for scores of runs
    known = {"fingerprint": side.content} if side.content else {}
    return {"reference": side.title, "split": side.split, **known, "resize": {}}


def _warn(plan: Plan, fake: Side, real: Side) -> None:
    """Log warnings that a reader of the figures needs."""
    if fake.picture and real.picture and fake.picture != real.picture:
        logger.warning(
            f"{fake.title} has images of {fake.picture}, {real.title} of {real.picture}: each is resized for the "
            "extractor from its own size, and the resizing affects the score"
        )
    if fake.content and fake.content == real.content:
        logger.warning(f"{fake.title} and {real.title} hold the same images")
    warn_few(plan, [side.count for side in (fake, real) if side.count])


def warn_few(plan: Plan, counts: list[int]) -> None:
    """Warn if a Fréchet distance is computed from fewer images than there are features."""
    for entry in plan.entries:
        extractor, feature = plan.wanted[entry.name]
        width = plan.readers[extractor].source.entry.features[feature]
        if entry.reads == "statistics" and min(counts, default=width) < width:
            logger.warning(
                f"{entry.name} of {min(counts):,} images is biased upwards: with fewer than {width:,}, the number of "
                "features, compare only figures of the same counts"
            )


__all__ = ["check", "compare", "seen_in_training", "warn_few"]
