"""The real side of a run's scores: the reference split of its data set, or ``metrics.reference``."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ganzoo.config.schema import Config, DataConfig, ReferenceSet, Scoring
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.data.sources import AUTO
from ganzoo.drawing import takes_labels
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.metrics.statistics_file import StatisticsFile, read_statistics


def open_reference(config: Config, image: ImageSpec, root: Path) -> Images | StatisticsFile:
    """Open the images or the statistics that a run is scored against.

    image: the generator's image format. The images of ``metrics.reference`` are cropped, resized and converted to it if
    they differ. Raises GanzooError for a set or file that cannot be used.
    """
    reference = config.scoring.reference
    if reference is None:
        return open_configured(config, split=config.dataset.reference, root=root)
    if isinstance(reference, Path):
        return read_statistics(reference, feature_widths(config.scoring))
    there = _pointed_at(config, reference)
    try:
        own = peek_configured(there, root)
    except GanzooError:  # not square, for example; if the set is missing, opening it raises below
        own = None
    if own is None or (own.channels, own.size) != (image.channels, image.size):
        data = replace(there.values.data, size=image.size, channels=str(image.channels))
        there = replace(there, values=replace(there.values, data=data))
    found = open_configured(there, root=root)
    return found if found.spec.classes == image.classes else replace(found, labels=None)


def feature_widths(scoring: Scoring) -> set[int]:
    """Return the widths of all features of a score's extractors, except class logits."""
    return {
        width
        for extractor in scoring.used
        for feature, width in extractor.features.items()
        if feature != extractor.logits
    }


def shipped_statistics(config: Config) -> str:
    """Return the statistics that are shipped with the reference set, or ""."""
    reference = config.scoring.reference
    if reference is None:
        return config.dataset.statistics
    return "" if isinstance(reference, Path) else reference.entry.statistics


def training_classes(
    config: Config, generator: Generator, real: Images | StatisticsFile, root: Path
) -> NDArray[Any] | None:
    """Return the training set's labels, or None if they are not needed to draw a conditional generator's classes.

    They are needed if ``metrics.reference`` names a set without labels or a file of statistics.
    """
    unlabelled = isinstance(real, StatisticsFile) or real.labels is None
    if not takes_labels(generator) or config.scoring.reference is None or not unlabelled:
        return None
    return open_configured(config, root=root).labels


def _pointed_at(config: Config, reference: ReferenceSet) -> Config:
    """Return the configuration with the reference set as its data."""
    data = config.values.data
    if reference.entry is not config.dataset:  # data.labels and data.options are for the run's own set
        kept = {field.name: getattr(data, field.name) for field in fields(DataConfig)}
        data = DataConfig(**{**kept, "labels": AUTO})
    data = replace(data, name=reference.name, split=reference.split)
    values = replace(config.values, data=data)
    return replace(config, values=values, dataset=reference.entry, location=reference.location)


__all__ = ["feature_widths", "open_reference", "shipped_statistics", "training_classes"]
