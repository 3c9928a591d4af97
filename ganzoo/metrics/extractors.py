"""From metrics to the extractors that they read, each with the weights that are here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ganzoo.config.schema import Scoring
from ganzoo.distributed import collectives
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Extractor, Network


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
    return Source(entry, collectives.by_first(find))


def find_network(cls: type[Extractor], file: str | None, root: Path) -> Network:
    """What the extractor finds."""
    return cls.find(file, root)


def find_sources(scoring: Scoring, root: Path) -> dict[str, Source]:
    """Find the networks of a score's extractors, by name, in the order in which the metrics name them.

    Raises GanzooError if the score cannot be computed, NetworkMissing and GanzooError as :func:`find_source` does.
    """
    check(scoring)
    return {entry.name: find_source(entry, scoring.weights.get(entry.name), root) for entry in scoring.used}


def source_of_first(scoring: Scoring, root: Path) -> tuple[Source, str] | None:
    """The extractor and the feature by which the run compares images: those of its first metric that reads no class
    logits, otherwise the first other feature of an extractor that is read for its logits. None without either.

    Raises NetworkMissing and GanzooError as :func:`find_sources` does.
    """
    check(scoring)
    read = [(scoring.extractors[metric.name], metric) for metric in scoring.metrics]
    choices = [(extractor, feature_of(metric, extractor)) for extractor, metric in read]
    choices += [(extractor, feature) for extractor in scoring.used for feature in extractor.features]
    for extractor, feature in choices:
        if feature != extractor.logits:
            return find_source(extractor, scoring.weights.get(extractor.name), root), feature
    return None


def check(scoring: Scoring) -> None:
    """Raise GanzooError if the score cannot be computed."""
    if scoring.problem:
        raise GanzooError(scoring.problem)
    if isinstance(scoring.reference, Path):
        check_statistics_suffice(scoring, str(scoring.reference))


def check_statistics_suffice(scoring: Scoring, file: str, *, generated: bool = False) -> None:
    """Raise GanzooError for a metric that reads more of a side than the mean and covariance in a file.

    generated: the file is the generated side, which metrics read class logits of.
    """
    for metric in scoring.metrics:
        extractor = scoring.extractors[metric.name]
        logits_alone = (
            feature_of(metric, extractor) == extractor.logits
        )  # of generated images, and nothing of real ones
        if metric.reads == "features" and (generated or not logits_alone):
            raise GanzooError(
                f"{metric.name}: it compares the features of all images, but {file} has only their mean and "
                "covariance; leave it out, or name a data set instead"
            )


__all__ = [
    "Source", "check", "check_statistics_suffice", "feature_of", "find_source", "find_sources", "source_of_first",
]  # fmt: skip
