"""The spread of the score difference between two generators over the generated images that were drawn.

The images of each generator are generated, and their features extracted, once. Then the images of both sides are
resampled with replacement and scored against the same real images. Resampling raises a Fréchet distance, since a sample
with repeated images has less variety than the images it comes from. Both sides rise, so this module measures the
spread of their difference. It centres the interval on the measured difference, not on the resampled one. The measured
difference has only the bias of a finite number of images, as every score under the protocol has.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.bench.recorded import load_record
from ganzoo.bench.seeds import Interval, around
from ganzoo.bench.sides import Seed, Side
from ganzoo.bench.tolerance import holds, tolerance_on
from ganzoo.bench.verify import (
    OTHER_NETWORK,
    check_protocol,
    recorded_reference,
    recorded_scoring,
    settings_of_extractors,
)
from ganzoo.config.schema import Config
from ganzoo.distributed.device import pick_device, placed, prepare_process
from ganzoo.entries import MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.metrics.fakes import fake_images
from ganzoo.metrics.features import Features
from ganzoo.metrics.labels import add_labels
from ganzoo.metrics.plan import make_plan
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.resampling import resampled
from ganzoo.metrics.scored_against import shipped_statistics, training_classes
from ganzoo.metrics.statistics_file import StatisticsFile
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import data_root

RESAMPLES = 50
LEAST = 20  # fewer are not enough to measure a spread


@dataclass(frozen=True)
class Bootstrap:
    """The result of a bootstrap.

    values: the values of both sides, per resample. biases: how much resampling raised each side's mean.
    """

    values: list[tuple[float, float]]
    interval: Interval
    biases: tuple[float, float]


@dataclass(frozen=True)
class Means:
    """The means for scoring again: registry, device, data directory, extractor files and progress callback."""

    registry: Registry
    device: str = "auto"
    root: Path | None = None
    weights: str | None = None
    inception: str | None = None
    progress: Progress | None = None


def bootstrap(sides: tuple[Side, Side], means: Means, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """Resample the generated images of one run on each side; return the interval of the first value minus the second.

    The interval is ``difference ± t s``. s is the standard deviation of the resampled differences; t is Student's, with
    ``resamples - 1`` degrees of freedom.

    Raises GanzooError if there are fewer than 20 resamples, if the weights of a side are gone, or if a side's score
    differs from the recorded one.
    """
    if resamples < LEAST:
        raise GanzooError(f"{resamples} resamples measure no spread; take {LEAST} or more")
    prepare_process()
    read = [_Read(side.seeds[0], side.ranking.value, means) for side in sides]
    drawn = [read_side.resample(stream) for read_side, stream in
             zip(read, np.random.default_rng(seed).spawn(len(read)), strict=True)]  # fmt: skip
    values = list[tuple[float, float]]()
    for number in range(resamples):
        if means.progress:
            means.progress("resamples", number, resamples)
        values.append((next(drawn[0]), next(drawn[1])))
    if means.progress:
        means.progress("resamples", resamples, resamples)
    found = [side.seeds[0].value for side in sides]
    error = statistics.stdev(one - other for one, other in values)
    raised = [statistics.fmean(pair[side] for pair in values) - found[side] for side in (0, 1)]
    return Bootstrap(values, around(found[0] - found[1], error, resamples - 1), (raised[0], raised[1]))


class _Read:
    """The features of one run's generated images and of the real images."""

    def __init__(self, seed: Seed, value: str, means: Means) -> None:
        self.value, self.number = value, seed.protocol.get("seed", 0)
        check_protocol(seed.protocol)
        place = pick_device(means.device)
        config, generator, tolerance = _load(seed, means, place)
        root = means.root or data_root(config.values.data.root)
        self.entry, self.real, self.fake = _features(seed.protocol, config, generator, root, place, means.progress)
        found = self.score(self.fake)
        if not holds(found, seed.value, tolerance):
            raise GanzooError(
                f"{seed.place}: its weights have {value} {found:.6g}, not {seed.value:.6g} as it says; "
                f"{'name another run' if seed.is_run else 'see `ganzoo bench verify`'}"
            )

    def score(self, fake: Features) -> float:
        """Return the ranking value. Raises GanzooError if the metric does not return it."""
        values: Mapping[str, float] = self.entry.construct()(real=self.real, fake=fake, seed=self.number)
        if self.value not in values:
            raise GanzooError(f"{self.entry.name}: it returns no {self.value}, which ranks the rows; fix its plugin")
        return float(values[self.value])

    def resample(self, stream: np.random.Generator) -> Iterator[float]:
        """Yield the values of resamples of the generated images, without end."""
        alone = self.entry.reads == "statistics"
        while True:
            rows = stream.integers(0, self.fake.count, self.fake.count, dtype=np.int64)
            yield self.score(resampled(self.fake, rows, alone))


def _load(seed: Seed, means: Means, place: torch.device) -> tuple[Config, Generator, float]:
    """Return the configuration and generator of a run or record, and the tolerance for its score.

    Raises GanzooError if its weights are not here.
    """
    settings = settings_of_extractors(seed.protocol, means.weights, means.inception)
    if seed.is_run:
        directory = RunDir.open(seed.place)
        config = load_config(means.registry, directory, tuple(settings), scoring=True)
        checkpoint = directory.checkpoint("latest")
        return config, restore_generator(config, checkpoint, place), tolerance_on(place, seed.protocol, checkpoint)
    _, config, generator = load_record(seed.place, means.registry, settings, means.root)
    return config, placed(generator, place), tolerance_on(place, seed.protocol)


def _features(
    protocol: Mapping[str, Any],
    config: Config,
    generator: Generator,
    root: Path,
    place: torch.device,
    progress: Progress | None,
) -> tuple[MetricEntry, Features, Features]:
    """Return the first metric and its features of the real and the generated images.

    The features of each generated image are kept, for resampling.
    """
    scoring = recorded_scoring(protocol, config)
    if not scoring.metrics:
        raise GanzooError(scoring.problem or "its configuration names no metric")
    entry = scoring.metrics[0]
    scoring = replace(scoring, metrics=(entry,), extractors={entry.name: scoring.extractors[entry.name]})
    real = recorded_reference(protocol, config, generator.image, root)
    classes = training_classes(config, generator, real, root)
    settings, drawn = scoring.settings, list[Tensor]()
    plan = make_plan(scoring, root, place, None, progress)
    (key,) = plan.wanted.values()
    if plan.readers[key[0]].source.network.sha256 != protocol["network"]:
        raise GanzooError(OTHER_NETWORK)
    if isinstance(real, StatisticsFile):
        labels, (real_sides, _) = classes, plan.given(real)
    else:
        labels, (real_sides, _) = real.labels, plan.read_set(real, root, shipped_statistics(config))
        add_labels(real_sides, labels)
        labels = labels if classes is None else classes
    fake_sides = replace(plan, per_class=True).read_fake(  # per_class keeps all features, not only sums
        lambda: fake_images(generator, settings.fakes, settings.seed, labels, protocol["truncation"], drawn),
        settings.fakes,
    )
    add_labels(fake_sides, torch.cat(drawn).numpy() if drawn else None)
    return entry, real_sides[key], fake_sides[key]
