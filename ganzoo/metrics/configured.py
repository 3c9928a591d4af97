"""Scores by a configuration: of a run's generator, and of generators and images outside a run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.config.schema import Config, DataConfig, ReferenceSet, Scoring
from ganzoo.data.channels import AUTO
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_as
from ganzoo.distributed import collectives
from ganzoo.distributed.device import missing_operators_named, pick_device, prepare_process
from ganzoo.entries import DatasetEntry
from ganzoo.errors import NetworkMissing
from ganzoo.interfaces import Generator
from ganzoo.metrics.extractors import find_sources
from ganzoo.metrics.plan import find_wanted
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import Score, score, score_images
from ganzoo.metrics.scored_against import feature_widths, open_reference, shipped_statistics, training_classes
from ganzoo.metrics.statistics_file import StatisticsFile, read_statistics
from ganzoo.models.sampling import as_uint8
from ganzoo.utils.files import data_root


def check_configured(config: Config) -> None:
    """Raise GanzooError if the scores that a run's configuration asks for cannot be computed.

    Called before training. If a network is missing, it raises nothing: the run is trained without a score.
    """
    metrics = config.values.metrics
    between = metrics.every_kimg or metrics.times > 1
    with suppress(NetworkMissing):
        sources = find_sources(config.scoring, data_root(config.values.data.root))
        for mode in [metrics.mode, metrics.mode_between] if between else [metrics.mode]:
            find_wanted(config.scoring, sources, mode)


@missing_operators_named()
def score_configured(
    config: Config,
    generator: Generator,
    device: torch.device,
    *,
    mode: str | None = None,
    truncation: float = 1.0,
    progress: Progress | None = None,
    per_class: bool = False,
    trained_on: str = "",
) -> Score:
    """Score an eval-mode generator by a run's configuration. Empty if the configuration names no metric.

    mode: the extractors' mode, None for the configuration's. per_class: compute each metric within each class too.
    trained_on: the fingerprint of the training images; the protocol notes if the real images are the same. Raises
    GanzooError and NetworkMissing as :func:`ganzoo.metrics.score.score` does.
    """
    metrics = config.values.metrics
    if not metrics.names:
        return Score({}, {}, 0.0)
    root = data_root(config.values.data.root)
    real = collectives.by_first(partial(open_reference, config, generator.image, root))
    found = score(
        replace(config.scoring, settings=replace(metrics, mode=mode or metrics.mode)),
        generator,
        real,
        root=root,
        device=device,
        truncation=truncation,
        progress=progress,
        shipped=shipped_statistics(config),
        per_class=per_class,
        classes=collectives.by_first(partial(training_classes, config, generator, real, root)),
    )
    seen = {"training_images": True} if trained_on and trained_on == real.fingerprint else {}
    return replace(found, protocol={**found.protocol, **seen})


@missing_operators_named()
def score_anything(
    generator_or_images: Generator | Tensor | np.ndarray,
    entry: DatasetEntry,
    location: str | None,
    data: DataConfig,
    scoring: Scoring,
    progress: Progress | None = None,
) -> Score:
    """Score an eval-mode generator, or images, against a data set's reference split or ``metrics.reference``.

    entry, location, data, scoring: as returned by :func:`ganzoo.config.resolve.resolve_scoring`. Real images are read
    at the size and with the channels of the scored images. Raises GanzooError and NetworkMissing as
    :func:`ganzoo.metrics.score.score` does.
    """
    prepare_process()
    if isinstance(generator_or_images, Generator):
        images, spec = None, (generator_or_images.image.channels, generator_or_images.image.size)
    else:
        images = as_uint8(generator_or_images)
        spec = images.shape[1], images.shape[2]
    root, device, reference = data_root(data.root), pick_device("auto"), scoring.reference
    if isinstance(reference, ReferenceSet) and reference.entry is not entry:
        data = replace(DataConfig(), root=data.root, skip_bad=data.skip_bad)  # the rest is for entry's set
    against = reference or ReferenceSet(entry, location, data.name, entry.reference)
    real: Images | StatisticsFile
    if isinstance(against, Path):
        shipped = ""
        real = read_statistics(against, feature_widths(scoring))
    else:
        shipped = against.entry.statistics
        real = _open_set(against, data, spec, root)
    if images is not None:
        return score_images(scoring, images, real, root=root, device=device, progress=progress, shipped=shipped)
    assert isinstance(generator_or_images, Generator)
    return score(scoring, generator_or_images, real, root=root, device=device, progress=progress, shipped=shipped)


def _open_set(against: ReferenceSet, data: DataConfig, spec: tuple[int, int], root: Path) -> Images:
    """Open a set with the channels and size of the scored images, unless ``data`` sets its own."""
    channels = str(spec[0]) if data.channels == AUTO else data.channels
    wanted = replace(data, name=against.name, size=data.size or spec[1], channels=channels)
    return open_as(wanted, against.entry, against.location, split=against.split, root=root)
