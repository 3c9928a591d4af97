"""The plan of a score: which features of which extractor its metrics need, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from ganzoo.config.schema import Scoring
from ganzoo.entries import MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractors import Source, feature_of, find_sources
from ganzoo.metrics.features import Features
from ganzoo.metrics.reader import Progress, Reader
from ganzoo.metrics.reference import REAL, real_features
from ganzoo.metrics.statistics_file import StatisticsFile

if TYPE_CHECKING:
    from ganzoo.data.dataset import Images

FAKE = "generated images"
Key: TypeAlias = tuple[str, str]
"""Extractor and feature."""
Sides: TypeAlias = Mapping[Key, Features]
Chunks: TypeAlias = Callable[[], Iterable[Tensor]]
"""A function that yields all images from the beginning, as each extractor reads them."""


@dataclass(frozen=True)
class Plan:
    """The features to read for the metrics of a score.

    entries: the metrics, in order. wanted: the extractor and feature that each metric reads, by the metric's name.
    readers: the readers of these features, by extractor. per_class: each metric is computed within each class too, so
    that statistics of the whole set are not enough.
    """

    entries: tuple[MetricEntry, ...]
    wanted: Mapping[str, Key]
    readers: Mapping[str, Reader]
    per_class: bool = False

    def read_fake(self, chunks: Chunks, count: int) -> Sides:
        """Return the features of ``count`` generated images."""
        sides: dict[Key, Features] = {}
        for name, reader in self.readers.items():
            sides |= self._read(name, reader, chunks, count, self._stage(FAKE, reader))
        return sides

    def read_real(self, chunks: Chunks, count: int) -> Sides:
        """Return the features of ``count`` real images, without class logits, which no metric reads of them."""
        sides = self._unread(count)
        for name, reader in self.readers.items():
            if compared := reader.of(self._compared(reader)):
                sides |= self._read(name, compared, chunks, count, self._stage(REAL, reader))
        return sides

    def read_set(self, images: Images, root: Path, shipped: str) -> tuple[Sides, dict[str, str]]:
        """Return the features of a real set, from the cache under ``root`` if possible, and their origins by extractor.

        shipped: the statistics shipped with the data set, or "".
        """
        sides, origins = self._unread(len(images.array)), dict[str, str]()
        for name, reader in self.readers.items():
            for feature in self._compared(reader):
                alone = reader.of((feature,), "exact" if reader.mode == "fast" else reader.mode)  # read only once
                assert alone is not None
                side, origin = real_features(
                    images, alone, root, whole=self._whole((name, feature)), shipped=shipped,
                    stage=self._stage(REAL, reader),
                )  # fmt: skip
                sides[name, feature] = side
                origins.setdefault(name, origin)
        return sides, origins

    def given(self, file: StatisticsFile) -> tuple[Sides, dict[str, str]]:
        """Return the real side from a file, and its origins by extractor. Raises GanzooError if its features differ."""
        sides, origins = self._unread(file.count), dict[str, str]()
        for name, reader in self.readers.items():
            for feature in self._compared(reader):
                source = reader.source
                file.check(name, feature, source.entry.features[feature], source.network.sha256)
                sides[name, feature] = Features(file.count, statistics=file.statistics, mode=reader.mode)
                origins[name] = "given"
        return sides, origins

    def protocol(
        self, shape: tuple[int, ...], fakes: int, seed: int, origins: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return what decides the values. The first metric's extractor is at the top level, others in ``extractors``.

        shape: the shape of the real images, ``(N, C, H, W)``; ``(N,)`` if they are not available or differ in shape.
        origins: the origins of the real features, by extractor.
        """
        count, *picture = shape
        grey = picture[:1] == [1]
        described = {
            name: {
                **({"grey": reader.source.entry.grey} if grey and reader.source.entry.grey else {}),
                **({} if origins is None else {"real_statistics": origins.get(name, "not needed")}),
                **reader.protocol(),
            }
            for name, reader in self.readers.items()
        }
        (_, first), *others = described.items()
        return {
            "real_pictures": count or None,
            "fake_pictures": fakes or None,
            **({"picture": " x ".join(map(str, picture))} if picture else {}),
            **first,
            **({"extractors": dict(others)} if others else {}),
            "seed": seed,
            "metrics": {entry.name: f"{entry.summary}; {self._feature_in_words(entry)}" for entry in self.entries},
        }

    def _feature_in_words(self, entry: MetricEntry) -> str:
        extractor, feature = self.wanted[entry.name]
        return f"{self.readers[extractor].source.title} {feature}"

    def _stage(self, side: str, reader: Reader) -> str:
        return side if len(self.readers) == 1 else f"{side}, {reader.source.title}"

    def _read(self, name: str, reader: Reader, chunks: Chunks, count: int, stage: str) -> dict[Key, Features]:
        """Return all features if a metric reads them; otherwise, except in reference mode, only their statistics."""
        logits = reader.source.entry.logits
        if len(reader.features) == 1 and reader.mode != "reference":
            key = name, reader.features[0]
            if key[1] != logits and not self._whole(key):
                sums = reader.statistics(chunks(), count, stage)
                return {key: Features(count, statistics=sums, mode=reader.mode, device=reader.device)}
        sides = {}
        for feature, matrix in reader.read(chunks(), count, stage).items():
            own, classes = (None, matrix) if feature == logits else (matrix, None)
            sides[name, feature] = Features(count, matrix=own, logits=classes, mode=reader.mode, device=reader.device)
        return sides

    def _unread(self, count: int) -> dict[Key, Features]:
        """Return empty features for every metric, for those that read only the generated images."""
        readers = self.readers
        return {(name, feature): Features(count, mode=readers[name].mode) for name, feature in self.wanted.values()}

    def _compared(self, reader: Reader) -> tuple[str, ...]:
        return tuple(feature for feature in reader.features if feature != reader.source.entry.logits)

    def _whole(self, key: Key) -> bool:
        return self.per_class or any(e.reads == "features" for e in self.entries if self.wanted[e.name] == key)


def find_wanted(scoring: Scoring, sources: Mapping[str, Source], mode: str) -> dict[str, Key]:
    """Return the extractor and the feature that each metric reads, by the metric's name.

    Raises GanzooError if an extractor's network does not give a feature in this mode.
    """
    wanted: dict[str, Key] = {}
    for entry in scoring.metrics:
        source = sources[scoring.extractors[entry.name].name]
        feature = feature_of(entry, source.entry)
        try:
            Reader(source, mode, "cpu", (feature,))  # only checks; no device is used
        except GanzooError as error:
            raise GanzooError(f"{entry.name}: {error}") from error
        wanted[entry.name] = source.entry.name, feature
    return wanted


def make_plan(
    scoring: Scoring,
    root: Path,
    device: torch.device | str,
    batch: int | None = None,
    progress: Progress | None = None,
    per_class: bool = False,
) -> Plan:
    """Return the plan of a score, after all checks that are possible before the first image is read.

    Raises NetworkMissing if an extractor's network is missing, GanzooError for an unknown metric or extractor, or for a
    metric that its network does not support.
    """
    mode, entries = scoring.settings.mode, scoring.metrics
    sources = find_sources(scoring, root)
    if not entries:
        raise GanzooError("no metric given; name one, for example metrics.names=[NAME] (`ganzoo list` shows them)")
    wanted = find_wanted(scoring, sources, mode)
    readers = {}
    for name, source in sources.items():
        features = tuple(dict.fromkeys(feature for extractor, feature in wanted.values() if extractor == name))
        readers[name] = Reader(source, mode, device, features, batch, progress)
    return Plan(entries, wanted, readers, per_class)


__all__ = ["Plan", "Sides", "find_wanted", "make_plan"]
