"""Scores, each with its protocol."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.config.schema import Scoring
from ganzoo.distributed import collectives
from ganzoo.drawing import takes_labels
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator, Metric
from ganzoo.metrics.fakes import QUANTISATION, fake_images
from ganzoo.metrics.labels import add_labels, check_labels, check_primary, each_class, named_classes, split_values
from ganzoo.metrics.plan import Chunks, Plan, Sides, make_plan
from ganzoo.metrics.reader import Progress, array_chunks
from ganzoo.metrics.statistics_file import StatisticsFile
from ganzoo.runs.ranking import RANKED_BY, Ranking
from ganzoo.utils.waiting import counted

if TYPE_CHECKING:
    from ganzoo.data.dataset import Images


@dataclass(frozen=True)
class Score:
    """The result of scoring.

    values: the values by name (``kid_mean``, ``precision``, ...). protocol: how they were computed. seconds: how long
    it took. by_class: values within each class, by value and class name; empty if there are none.
    """

    values: dict[str, float]
    protocol: dict[str, Any]
    seconds: float
    by_class: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the score as plain values for JSON."""
        more = {"by_class": self.by_class} if self.by_class else {}
        return {"values": self.values, **more, "protocol": self.protocol, "seconds": round(self.seconds, 3)}


def score(
    scoring: Scoring,
    generator: Generator,
    real: Images | StatisticsFile,
    *,
    root: Path,
    device: torch.device | str = "cpu",
    truncation: float = 1.0,
    batch: int | None = None,
    progress: Progress | None = None,
    shipped: str = "",
    per_class: bool = False,
    classes: NDArray[Any] | None = None,
) -> Score:
    """Score images of an eval-mode generator against a real set, or against a file of its statistics.

    scoring: the metrics and extractors, the number of images and the seed. root: the cache directory.
    device: the extractors' device; the generator stays where it is. batch: the number of images in each call of an
    extractor, None to choose by the device. shipped: the statistics shipped with the data set, as ``"package:file"``,
    or "". per_class: compute each metric within each class too. classes: the labels from which a conditional
    generator's classes are drawn: those of the training set, ``(M,)``; None for the real set's.

    Raises NetworkMissing if an extractor's network is missing, GanzooError for an unknown metric, too few images, a
    metric that its network does not support, or a generator whose images do not fit or are not finite.
    """
    settings = scoring.settings
    if not isinstance(real, StatisticsFile):
        made, wanted = (generator.image.channels, generator.image.size), (real.spec.channels, real.spec.size)
        if made != wanted:
            raise GanzooError(f"the generator makes images of (channels, size) {made}, the real set has {wanted}")
    pool = _labels(real) if classes is None else classes
    origin = "the real set's" if classes is None else "the training set's"
    described = {
        "truncation": truncation,
        "quantisation": QUANTISATION,
        "classes": f"drawn from {origin} labels" if takes_labels(generator) else "none",
    }

    drawn: list[Tensor] = []

    def chunks() -> Iterable[Tensor]:
        drawn.clear()  # each extractor reads all images from the start
        return fake_images(generator, settings.fakes, settings.seed, pool, truncation, drawn)

    labels = drawn if takes_labels(generator) else None
    return _against_set(scoring, chunks, real, described, root, device, batch, progress, shipped, labels, per_class)


def score_images(
    scoring: Scoring,
    images: NDArray[Any],
    real: Images | StatisticsFile,
    *,
    root: Path,
    device: torch.device | str = "cpu",
    batch: int | None = None,
    progress: Progress | None = None,
    shipped: str = "",
) -> Score:
    """Score all given images, uint8 ``(N, C, H, W)``, against a real set as :func:`score` does.

    Raises GanzooError if there are fewer than 2 images or their shape is not that of the real ones.
    """
    if len(images) < 2:
        raise GanzooError("a score needs 2 images or more")
    if not isinstance(real, StatisticsFile) and images.shape[1:] != real.array.shape[1:]:
        raise GanzooError(f"the images are {images.shape[1:]}, those of {real.name} {real.array.shape[1:]}")
    sized = replace(scoring, settings=replace(scoring.settings, fakes=len(images)))
    described = {"pictures": "given images"}
    return _against_set(sized, lambda: array_chunks(images), real, described, root, device, batch, progress, shipped)


def _against_set(
    scoring: Scoring,
    chunks: Chunks,
    real: Images | StatisticsFile,
    described: Mapping[str, Any],
    root: Path,
    device: torch.device | str,
    batch: int | None,
    progress: Progress | None,
    shipped: str,
    drawn: list[Tensor] | None = None,
    per_class: bool = False,
) -> Score:
    """Score the images from ``chunks`` against a real set, whose features may be cached or shipped with it.

    drawn: a list that holds the labels of the generated images after they have been read; None for images without
    labels. per_class: as in :func:`score`.
    """
    begun, settings = time.perf_counter(), scoring.settings
    check_count("generated", settings.fakes)
    if not isinstance(real, StatisticsFile):
        check_count("real", len(real.array))
    plan = make_plan(scoring, root, device, batch, progress, per_class)
    check_labels(scoring.metrics, _name(real) if _labels(real) is None else "", drawn is not None, per_class)
    if isinstance(real, StatisticsFile):
        real_side, origins = plan.given(real)
        fake = plan.read_fake(chunks, settings.fakes)
        shape, about, names = (real.count,), real.protocol(), tuple[str, ...]()
    else:
        fake = plan.read_fake(chunks, settings.fakes)
        real_side, origins = plan.read_set(real, root, shipped)
        shape, about, names = tuple(real.array.shape), describe_set(real), real.class_names
    if drawn is not None:
        add_labels(fake, collectives.whole_batch(torch.cat(drawn), settings.fakes).numpy())
    add_labels(real_side, _labels(real))
    protocol = {**about, **described, **plan.protocol(shape, settings.fakes, settings.seed, origins)}
    return measure(plan, real_side, fake, settings.seed, protocol, begun, names)


def describe_set(real: Images) -> dict[str, Any]:
    """Return the protocol's description of a real set."""
    return {
        "reference": real.name,
        "split": real.split,
        "fingerprint": real.fingerprint,
        "resize": dict(real.resize),
        **({"demonstration": True} if real.demonstration else {}),
    }


def _labels(real: Images | StatisticsFile) -> NDArray[Any] | None:
    return None if isinstance(real, StatisticsFile) else real.labels


def _name(real: Images | StatisticsFile) -> str:
    return str(real.path) if isinstance(real, StatisticsFile) else real.name


def score_arrays(
    scoring: Scoring,
    real: NDArray[Any],
    fake: NDArray[Any],
    *,
    root: Path,
    real_name: str = "pictures",
    fake_name: str = "pictures",
    device: torch.device | str = "cpu",
    batch: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Score images against images, both uint8 ``(N, C, H, W)``, as :func:`score` does; only networks are cached.

    Raises GanzooError if a side has fewer than 2 images or another shape or type.
    """
    begun = time.perf_counter()
    for what, array in (("real", real), ("generated", fake)):
        check_count(what, len(array))
        if len(array.shape) != 4 or array.shape[1] not in (1, 3) or array.dtype != "uint8":
            raise GanzooError(f"the {what} images are {array.dtype} {array.shape}, must be uint8 (N, 1 or 3, H, W)")
    plan = make_plan(scoring, root, device, batch, progress)
    check_labels(scoring.metrics, real_name, labelled=False)
    fake_side = plan.read_fake(lambda: array_chunks(fake), len(fake))
    real_side = plan.read_real(lambda: array_chunks(real), len(real))
    protocol = {
        "reference": real_name,
        "pictures": fake_name,
        **plan.protocol(real.shape, len(fake), scoring.settings.seed),
    }
    return measure(plan, real_side, fake_side, scoring.settings.seed, protocol, begun)


def measure(
    plan: Plan,
    real: Sides,
    fake: Sides,
    seed: int,
    protocol: dict[str, Any],
    begun: float,
    class_names: Sequence[str] = (),
) -> Score:
    """Compute every metric from two sides that have been read. Only the first rank computes; all ranks get the result.

    protocol: how the sides were made. begun: ``time.perf_counter()`` before they were read.
    """
    if collectives.first():
        measured = _measure(plan, real, fake, seed)
        collectives.told(json.dumps(measured))
    else:
        measured = json.loads(collectives.told(""))
    values, by_class = split_values(measured)
    first = plan.entries[0]
    ranking = Ranking(first.primary or next(iter(values), ""), first.lower_is_better)
    named = named_classes(by_class, class_names)
    return Score(values, {**protocol, RANKED_BY: ranking.to_dict()}, time.perf_counter() - begun, named)


def _measure(plan: Plan, real: Sides, fake: Sides, seed: int) -> dict[str, float]:
    values: dict[str, float] = {}
    for entry in counted("computing scores", plan.entries, len(plan.entries)):
        metric: Metric = entry.construct()
        key = plan.wanted[entry.name]
        found: Mapping[str, float] = dict(metric(real=real[key], fake=fake[key], seed=seed))
        check_primary(entry, found)
        if plan.per_class and not entry.reads_labels:  # a metric that reads labels handles classes itself
            found = {**found, **each_class(entry, metric, real[key], fake[key], seed)}
        for name, value in found.items():
            if not math.isfinite(value):
                raise GanzooError(f"{entry.name}: {name} came out as {value}; the features of one side are degenerate")
            if name in values:
                raise GanzooError(f"{entry.name}: another metric returns {name} too; leave one of them out")
            values[name] = float(value)
    return values


def check_count(what: str, count: int) -> None:
    """Raise GanzooError if there are fewer images than a score needs."""
    least = max(2, collectives.here().world)
    if count < least:
        raise GanzooError(f"{count} {what} images cannot be scored; at least {least} are required")


__all__ = ["Score", "check_count", "describe_set", "measure", "score", "score_arrays", "score_images"]
