"""Look up the metrics and extractors that the settings of a score name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from ganzoo.config.recipe import parse_data
from ganzoo.config.schema import MetricsConfig, ReferenceSet, Scoring
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import user_path

PICKLES = (".pkl", ".pickle")  # refused, with advice on what to write instead
FILES = (".npz", *PICKLES)


def find_scoring(settings: MetricsConfig, registry: Registry) -> Scoring:
    """Look up metrics, extractors, weights and the reference. The first error becomes the ``problem``.

    Only scoring raises the ``problem``, so a run can be loaded without its metrics' plugins.
    """
    metrics: list[MetricEntry] = []
    extractors: dict[str, ExtractorEntry] = {}
    problems: list[str] = []
    weights: dict[str, str] = {}
    reference: ReferenceSet | Path | None = None
    for name in dict.fromkeys(settings.names):
        with _noted(problems):
            metrics.append(metric := registry.get(MetricEntry, name))
            extractors[metric.name] = _extractor_of(metric, registry)
    metrics.sort(key=lambda metric: not metric.ranks)  # the first one ranks
    with _noted(problems):
        weights = find_weights(settings, tuple({entry.name: entry for entry in extractors.values()}.values()), registry)
    with _noted(problems):
        reference = find_reference(settings.reference, registry)
    return Scoring(settings, tuple(metrics), extractors, weights, next(iter(problems), ""), reference)


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except GanzooError as error:
        problems.append(str(error))


def find_reference(text: str | None, registry: Registry) -> ReferenceSet | Path | None:
    """Parse ``metrics.reference``: the path of a file of statistics, or ``SET[:SPLIT]``; None if it is not set.

    Raises GanzooError for an unknown data set or split.
    """
    if not text or PurePath(text).suffix.lower() in FILES:
        return user_path(text) if text else None
    entry, location = parse_data(text, registry)
    if entry.takes_location or not location:
        return ReferenceSet(entry, location, text, entry.reference)
    if location not in entry.splits:
        raise GanzooError(f"metrics.reference={text}: {entry.name} has no such split; it has {', '.join(entry.splits)}")
    return ReferenceSet(entry, None, text.rpartition(":")[0], location)


def find_extractor(metric: MetricEntry, registry: Registry) -> ExtractorEntry | None:
    """Look up the extractor that a metric reads, or the default one if it names none; None if it is not installed."""
    if metric.extractor:
        return registry.lookup(ExtractorEntry, metric.extractor, near=metric)
    return registry.default(ExtractorEntry)


def _extractor_of(metric: MetricEntry, registry: Registry) -> ExtractorEntry:
    if found := find_extractor(metric, registry):
        return found
    if not metric.extractor:
        raise GanzooError(f"{metric.name}: it names no extractor, and no default extractor is installed")
    try:
        return registry.get(ExtractorEntry, metric.extractor, near=metric)
    except GanzooError as error:
        raise GanzooError(f"{metric.name}: {error}") from error


def find_weights(settings: MetricsConfig, used: Sequence[ExtractorEntry], registry: Registry) -> dict[str, str]:
    """Return the weights files by extractor: those of ``metrics.weights``, and ``metrics.inception`` for the default
    extractor.

    Raises GanzooError for one file and several extractors, for an extractor that is not installed, and for two files
    for one extractor.
    """
    given = settings.weights
    if isinstance(given, str):
        if len(used) > 1:
            names = " and ".join(entry.name for entry in used)
            raise GanzooError(
                f"metrics.weights={given}: the metrics read {names}; write metrics.weights={{{used[0].name}: {given}}}"
            )
        given = {entry.name: given for entry in used}
    files = {registry.get(ExtractorEntry, name).name: file for name, file in (given or {}).items()}
    for entry in used:
        if entry.default and settings.inception is not None:
            if entry.name in files:
                raise GanzooError(f"metrics.weights and metrics.inception both name weights of {entry.name}; keep one")
            files[entry.name] = settings.inception
    return files
