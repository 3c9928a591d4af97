"""From metrics to the extractors that they read, each with the weights that are here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ganzoo.config.recipe import find_extractor
from ganzoo.config.schema import MetricsConfig
from ganzoo.distributed import collectives
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Extractor, Network
from ganzoo.plugin.registry import Registry


@dataclass(frozen=True)
class Source:
    """Where features come from: an extractor, and the network that it found."""

    entry: ExtractorEntry
    network: Network

    @property
    def title(self) -> str:
        return self.entry.title or self.entry.name

    @property
    def extractor(self) -> type[Extractor]:
        cls: type[Extractor] = self.entry.load()
        return cls


def extractor_of(metric: MetricEntry, registry: Registry) -> ExtractorEntry:
    """The extractor that a metric reads. Raises GanzooError if it is not installed."""
    if found := find_extractor(metric, registry):
        return found
    if not metric.extractor:
        raise GanzooError(f"{metric.name}: it names no extractor, and none that is installed is the default")
    try:
        return registry.get(ExtractorEntry, metric.extractor, near=metric)
    except GanzooError as error:
        raise GanzooError(f"{metric.name}: {error}") from error


def feature_of(metric: MetricEntry, extractor: ExtractorEntry) -> str:
    """The feature that a metric reads. Raises GanzooError if the extractor does not offer it."""
    feature = metric.features or next(iter(extractor.features), "")
    if feature not in extractor.features:
        offered = ", ".join(extractor.features)
        raise GanzooError(f"{metric.name}: {extractor.name} has no feature {feature!r}; there are {offered}")
    return feature


def find_source(entry: ExtractorEntry, file: str | None, root: Path) -> Source:
    """Find the network of an extractor; of several ranks the first one looks, so that one downloads for all.

    file: with the weights, or None. root: the cache directory. Raises NetworkMissing and GanzooError as the extractor
    does.
    """
    cls: type[Extractor] = entry.load()
    find = partial(find_network, cls, file, root)
    return Source(entry, collectives.by_first(find, find))


def find_network(cls: type[Extractor], file: str | None, root: Path) -> Network:
    """What the extractor finds."""
    return cls.find(file, root)


def find_sources(
    registry: Registry, metrics: MetricsConfig, entries: Sequence[MetricEntry], root: Path
) -> dict[str, Source]:
    """The extractors of these metrics by name, in the order in which the metrics name them.

    Raises NetworkMissing and GanzooError as :func:`find_source` and :func:`weights_of` do.
    """
    used = _used(registry, entries)
    files = weights_of(registry, metrics, used)
    return {entry.name: find_source(entry, files.get(entry.name), root) for entry in used}


def weights_of(registry: Registry, metrics: MetricsConfig, used: Sequence[ExtractorEntry]) -> dict[str, str]:
    """The files that ``metrics.weights`` names, by extractor; ``metrics.inception`` is that of the default one.

    Raises GanzooError for one file and several extractors, for an extractor that is not installed, and for two files
    of one extractor.
    """
    given = metrics.weights
    if isinstance(given, str):
        if len(used) > 1:
            names = " and ".join(entry.name for entry in used)
            raise GanzooError(
                f"metrics.weights={given}: the metrics read {names}; write metrics.weights={{{used[0].name}: {given}}}"
            )
        given = {entry.name: given for entry in used}
    files = {registry.get(ExtractorEntry, name).name: file for name, file in (given or {}).items()}
    for entry in used:
        if entry.default and metrics.inception is not None:
            if entry.name in files:
                raise GanzooError(f"metrics.weights and metrics.inception both name weights of {entry.name}; keep one")
            files[entry.name] = metrics.inception
    return files


def source_of_first(registry: Registry, metrics: MetricsConfig, root: Path) -> tuple[Source, str] | None:
    """The extractor and the feature by which the run compares images: those of its first metric that reads no class
    logits, otherwise the first other feature of an extractor that is read for its logits. None without either.

    Raises NetworkMissing and GanzooError as :func:`find_sources` does.
    """
    entries = [registry.get(MetricEntry, name) for name in metrics.names]
    used = _used(registry, entries)
    read = [(extractor_of(entry, registry), entry) for entry in entries]
    choices = [(extractor, feature_of(entry, extractor)) for extractor, entry in read]
    choices += [(extractor, feature) for extractor in used for feature in extractor.features]
    files = weights_of(registry, metrics, used)
    for extractor, feature in choices:
        if feature != extractor.logits:
            return find_source(extractor, files.get(extractor.name), root), feature
    return None


def _used(registry: Registry, metrics: Sequence[MetricEntry]) -> list[ExtractorEntry]:
    """The extractors of these metrics, each once."""
    return list({entry.name: entry for entry in (extractor_of(metric, registry) for metric in metrics)}.values())


__all__ = ["Source", "extractor_of", "feature_of", "find_source", "find_sources", "source_of_first", "weights_of"]
