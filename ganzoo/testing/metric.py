"""What every metric must do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.config.scoring import find_extractor
from ganzoo.drawing import seeded
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.metrics.features import Features
from ganzoo.metrics.labels import check_primary
from ganzoo.testing.probe import global_state_watched
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import Failure, Skipped, expect

COUNT = 64  # images per side
CLASSES = 2  # for a metric that reads labels
# The features of the default extractor, used if it is not installed.
DEFAULT = ExtractorEntry(
    name="default",
    summary="",
    target="",
    features={"2048": 2048, "logits_unbiased": 1008},
    logits="logits_unbiased",
)


class MetricPart:
    """A metric, and invented features: only those that its entry asks for."""

    def __init__(self, entry: MetricEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig
        found = find_extractor(entry, rig.registry)
        self.extractor = DEFAULT if found is None and not entry.extractor else found
        self._known: dict[tuple[float, int], dict[str, float]] = {}

    @property
    def feature(self) -> str:
        """The name of the feature that it reads; "" if the entry names none and its extractor is not installed."""
        return self.entry.features or next(iter(self.extractor.features if self.extractor else ()), "")

    @property
    def reads_logits(self) -> bool:
        return self.extractor is not None and self.feature == self.extractor.logits

    def side(self, seed: int, shift: float = 0.0, *, alike: bool = False) -> Features:
        """Return the features of invented images.

        A larger shift moves them farther from ordinary images. alike: all images are nearly the same.
        """
        offered: Mapping[str, int] = self.extractor.features if self.extractor else {}
        width = offered.get(self.feature, 2048)
        matrix = torch.randn(COUNT, width, generator=seeded(seed)).abs() + shift
        if alike:
            matrix = matrix[:1] + 0.01 * matrix
        labels = None
        if self.entry.reads_labels:
            labels = np.arange(COUNT) % CLASSES
            # A feature for each class; bad images look like those of another class.
            looks = torch.from_numpy((labels + bool(shift)) % CLASSES)
            matrix += 20 * torch.eye(CLASSES, width)[looks]
        if self.reads_logits:
            return Features(COUNT, logits=_sure(matrix, shift), labels=labels)
        if self.entry.reads == "features":
            return Features(COUNT, matrix=matrix, labels=labels)
        values = matrix.double().numpy()
        statistics = {"mu": values.mean(0), "sigma": np.cov(values, rowvar=False)}
        return Features(COUNT, statistics=statistics, labels=labels)

    def real(self) -> Features:
        """Return the real side as a score gives it: no features if the metric reads only generated images' logits."""
        return Features(COUNT) if self.reads_logits else self.side(seed=0)

    def measure(self, shift: float = 0.0, seed: int = 0) -> Mapping[str, Any]:
        """Return the metric's values for generated images with that shift."""
        metric: Metric = self.entry.construct()
        return metric(real=self.real(), fake=self.side(1, shift), seed=seed)

    @cached_property
    def watched(self) -> tuple[Mapping[str, Any], bool, str]:
        """A second measurement: the values, whether the features changed, a message if a global random state did."""
        metric: Metric = self.entry.construct()
        real, fake = self.real(), self.side(1)
        before, drawn = [_content(real), _content(fake)], ""
        try:
            with global_state_watched("the metric"):
                found = dict(metric(real=real, fake=fake, seed=0))
        except Failure as failure:
            drawn = str(failure)
        return found, [_content(real), _content(fake)] != before, drawn

    def known(self, shift: float = 0.0) -> Mapping[str, Any]:
        """Return the values for that shift, measured only once."""
        if (shift, 0) not in self._known:
            self._known[shift, 0] = dict(self.measure(shift))
        return self._known[shift, 0]


def _sure(matrix: Tensor, shift: float) -> Tensor:
    """Return logits that put each image clearly in a different class; with a shift, equal logits for all classes."""
    if shift:
        return torch.zeros_like(matrix)
    return 20 * torch.eye(matrix.shape[1])[: len(matrix)]


def interface(part: MetricPart) -> None:
    """Check that the class follows its interface and is built without arguments, and that its feature is offered."""
    cls = part.entry.load()
    expect(isinstance(cls, type) and issubclass(cls, Metric), f"{part.entry.target} is not a ganzoo.interfaces.Metric")
    cls()
    if part.extractor is None:
        raise Failure(f"it reads the extractor {part.entry.extractor!r}, which is not installed; install its plugin")
    offered = part.extractor.features
    expect(part.feature in offered, f"features is {part.entry.features!r}, must be one of {', '.join(offered)}")


def reads(part: MetricPart) -> None:
    """Check that the metric reads only what its entry asks for."""
    try:
        part.known()
    except GanzooError as error:
        if "did not ask for" in str(error):
            raise Failure(
                f"{error.args[0].partition(';')[0]}; set features and reads in the entry to what the metric reads"
            ) from error
        raise


def values(part: MetricPart) -> None:
    """Check that the metric returns named finite numbers, including the primary one."""
    found = part.known()
    expect(isinstance(found, Mapping) and found, f"it returns {found!r}, expected named numbers")
    for name, value in found.items():
        number = isinstance(name, str) and isinstance(value, (int, float)) and not isinstance(value, bool)
        expect(number, f"{name!r} is {value!r}, expected a float; call .item() on a tensor")
        expect(math.isfinite(value), f"{name} is {value}")
    primary = part.entry.primary
    expect(not primary or primary in found, f"primary is {primary!r}, which is none of its values {', '.join(found)}")
    check_primary(part.entry, found)


def direction(part: MetricPart) -> None:
    """Check that the primary value ranks good images above bad ones, or above equal images, as lower_is_better says."""
    if not part.entry.ranks:
        raise Skipped("its entry says ranks=False, so its value has no better direction")
    name = part.entry.primary or next(iter(part.known()))
    near, far = (part.known(shift)[name] for shift in (0.0, 3.0))
    if math.isclose(near, far, rel_tol=1e-3):  # it may measure variety alone
        metric: Metric = part.entry.construct()
        far = dict(metric(real=part.real(), fake=part.side(1, alike=True), seed=0))[name]
    better = near < far if part.entry.lower_is_better else near > far
    expect(
        better,
        f"good images get {near:.4g}, bad ones {far:.4g}, but the entry says "
        f"lower_is_better={part.entry.lower_is_better}",
    )


def inputs_left_alone(part: MetricPart) -> None:
    """Check that the metric does not change its input features."""
    expect(not part.watched[1], "it writes into the features, which other metrics read too")


def determinism(part: MetricPart) -> None:
    """Check that the same features and seed give the same values."""
    again = part.watched[0]
    expect(again == part.known(), f"the same features and seed give {part.known()}, then {again}")


def global_random_state(part: MetricPart) -> None:
    """Check that the metric does not draw from, or seed, a global random state."""
    expect(not part.watched[2], part.watched[2])


def _content(features: Features) -> list[bytes]:
    tensors = [value.numpy() for value in (features._matrix, features._logits) if value is not None]
    arrays = [*tensors, *(features._statistics or {}).values()]
    return [np.ascontiguousarray(array).tobytes() for array in arrays]


CHECKS = (interface, reads, values, direction, inputs_left_alone, determinism, global_random_state)
