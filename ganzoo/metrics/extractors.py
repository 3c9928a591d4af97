"""The extractors that metrics read, each with its weights on this machine."""

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
    """The source of features: an extractor, and the network that it found."""

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
    """Return the feature that a metric reads. Raises GanzooError if the extractor does not offer it."""
    feature = metric.features or next(iter(extractor.features), "")
    if feature not in extractor.features:
        offered = ", ".join(extractor.features)
        raise GanzooError(f"{metric.name}: {extractor.name} has no feature {feature!r}; there are {offered}")
    return feature


def find_source(entry: ExtractorEntry, file: str | None, root: Path) -> Source:
    """Find the network of an extractor; the first rank looks first, so that only one downloads.

    file: the file of weights, or None. root: the cache directory. Raises NetworkMissing and GanzooError as the
    extractor does.
    """
    cls: type[Extractor] = entry.load()
    find = partial(find_network, cls, file, root)
    return Source(entry, collectives.by_first(find))


def find_network(cls: type[Extractor], file: str | None, root: Path) -> Network:
    """Return the network that the extractor finds."""
    return cls.find(file, root)


def find_sources(scoring: Scoring, root: Path) -> dict[str, Source]:
    """Find the networks of a score's extractors, by name, in the order in which the metrics name them.

    Raises GanzooError if the score cannot be computed, NetworkMissing and GanzooError as :func:`find_source` does.
    """
    check(scoring)
    return {entry.name: find_source(entry, scoring.weights.get(entry.name), root) for entry in scoring.used}


def source_of_first(scoring: Scoring, root: Path) -> tuple[Source, str] | None:
    """Return the extractor and the feature by which a run compares images; None if it has none.

    They are those of the run's first metric that does not read class logits. If all its metrics read logits, they are
    the first other feature of their extractors. Raises NetworkMissing and GanzooError as :func:`find_sources` does.
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
    if scoring.metrics and not scoring.metrics[0].ranks:
        raise GanzooError(f"metrics.names: {scoring.metrics[0].name} ranks no scores; add a metric that does")
    if isinstance(scoring.reference, Path):
        check_statistics_suffice(scoring, str(scoring.reference))


def check_statistics_suffice(scoring: Scoring, file: str, *, generated: bool = False) -> None:
    """Raise GanzooError for a metric that needs more than the mean and covariance in a file.

    generated: the file is the generated side, for which metrics may also need class logits.
    """
    for metric in scoring.metrics:
        extractor = scoring.extractors[metric.name]
        # A metric of the class logits reads only the generated images.
        logits_alone = feature_of(metric, extractor) == extractor.logits
        if metric.reads == "features" and (generated or not logits_alone):
            raise GanzooError(
                f"{metric.name}: it compares the features of all images, but {file} has only their mean and "
                "covariance; leave it out, or name a data set instead"
            )


__all__ = [
    "Source", "check", "check_statistics_suffice", "feature_of", "find_source", "find_sources", "source_of_first",
]  # fmt: skip
