"""Labels of the images that a metric compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.entries import MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.metrics.features import Features

if TYPE_CHECKING:
    from ganzoo.metrics.plan import Sides

OF_CLASS = ":"  # between the name of a value and the label of its class: ``distance:3``
LEAST = 2  # least images of a class on each side


def check_labels(metrics: Iterable[MetricEntry], unlabelled: str, labelled: bool, per_class: bool = False) -> None:
    """Raise GanzooError if a metric needs labels that a side does not have.

    unlabelled: the real set's name if it has no labels, otherwise "". labelled: the generated images have labels.
    per_class: all metrics need labels, not only those that read them. The message names the metric and the side.
    """
    for entry in metrics:
        if not (entry.reads_labels or per_class):
            continue
        reads = "it reads labels" if entry.reads_labels else "--per-class reads labels"
        if unlabelled:
            raise GanzooError(f"{entry.name}: {reads} and {unlabelled} has none; see data.labels")
        if not labelled:
            raise GanzooError(f"{entry.name}: {reads} and the generator is not class-conditional; leave it out")


def add_labels(sides: Sides, labels: NDArray[Any] | None) -> None:
    """Set the labels ``(N,)`` of a side's images on each of its features."""
    for side in sides.values():
        side.labels = None if labels is None else np.asarray(labels, dtype=np.int64)


def classes_of(real: Features, fake: Features, name: str) -> Iterator[tuple[int, Features, Features]]:
    """Yield each label of the real images, in order, with the features of both sides within that class.

    name: the metric's name, for messages. Raises GanzooError if a class has fewer than two images on a side.
    """
    assert real.labels is not None and fake.labels is not None
    for label in np.unique(real.labels).tolist():
        for what, side in (("real", real), ("generated", fake)):
            count = int((side.labels == label).sum())
            if count < LEAST:
                remedy = "set metrics.fakes=N (--samples) higher" if what == "generated" else "leave the metric out"
                raise GanzooError(
                    f"{name}: class {label} has {count} {what} image{'s' if count != 1 else ''}, must have {LEAST} or "
                    f"more; {remedy}"
                )
        yield label, _within(real, label), _within(fake, label)


def each_class(entry: MetricEntry, metric: Metric, real: Features, fake: Features, seed: int) -> dict[str, float]:
    """Compute a metric within each class; the names of its values end in ``:LABEL``."""
    return {
        f"{name}{OF_CLASS}{label}": value
        for label, real_side, fake_side in classes_of(real, fake, entry.name)
        for name, value in metric(real=real_side, fake=fake_side, seed=seed).items()
    }


def check_primary(entry: MetricEntry, found: Mapping[str, float]) -> None:
    """Raise GanzooError if the value that ranks a run, the primary or the first one, is missing or of one class."""
    if entry.primary and entry.primary not in found:
        raise GanzooError(f"{entry.name}: it returns no {entry.primary}, its primary value; fix its plugin")
    name = entry.primary or next(iter(found), "")
    if not split_values({name: 0.0})[0]:
        raise GanzooError(
            f"{entry.name}: {name} is the value of a class, which cannot rank a run; name another primary"
        )


def split_values(found: Mapping[str, float]) -> tuple[dict[str, float], dict[str, dict[int, float]]]:
    """Separate values of the whole set, by name, from those of a class, by name and label."""
    values: dict[str, float] = {}
    by_class: dict[str, dict[int, float]] = {}
    for key, value in found.items():
        name, mark, label = key.rpartition(OF_CLASS)
        if mark and label.isdecimal():
            by_class.setdefault(name, {})[int(label)] = value
        else:
            values[key] = value
    return values, by_class


def named_classes(by_class: Mapping[str, Mapping[int, float]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Replace labels by the names of the classes, or by the labels as text if names are unknown or not unique."""
    known = names if len(set(names)) == len(names) else ()
    return {
        value: {known[label] if label < len(known) else str(label): figure for label, figure in figures.items()}
        for value, figures in by_class.items()
    }


def _within(side: Features, label: int) -> Features:
    assert side.labels is not None
    return side.at(np.flatnonzero(side.labels == label))


__all__ = [
    "OF_CLASS",
    "add_labels",
    "check_labels",
    "check_primary",
    "classes_of",
    "each_class",
    "named_classes",
    "split_values",
]
