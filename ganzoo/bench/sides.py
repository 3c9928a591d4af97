"""The two sides of a comparison: the seeds of a combination, found by records, a run, or the combination's name.

Only sides with the same data and protocol are compared.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ganzoo.bench.leaderboard.protocols import LACKING, differing_fields, protocol_key
from ganzoo.bench.leaderboard.rows import Row, make_rows
from ganzoo.bench.record import Record, is_older, read_record, readable_records, record_files
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config
from ganzoo.runs.ranking import Ranking, ranked_value
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.run_path import is_run
from ganzoo.runs.store import fetch
from ganzoo.runs.weights import is_weights
from ganzoo.utils.listing import did_you_mean, some_of

SHOWN = 3  # the most choices that a message names
NOTHING = (None, LACKING)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seed:
    """One scored seed.

    place: the file of its record, or its directory if ``is_run``. others: records of the same seed from other
    machines; ``value`` is the mean over all machines.
    """

    place: Path
    number: int
    value: float
    protocol: Mapping[str, Any]
    is_run: bool = False
    others: tuple[Path, ...] = ()

    @property
    def places(self) -> list[Path]:
        return [self.place, *self.others]


@dataclass(frozen=True)
class Side:
    """The seeds of one combination that were scored under one protocol.

    grid: the grid's name, "" for a run without a grid.
    """

    combination: str
    data: str
    grid: str
    kimg: float
    ranking: Ranking
    seeds: tuple[Seed, ...]

    @property
    def protocol(self) -> Mapping[str, Any]:
        return self.seeds[0].protocol

    @property
    def values(self) -> list[float]:
        """The ranking value of each seed."""
        return [seed.value for seed in self.seeds]

    @property
    def places(self) -> set[Path]:
        return {place.resolve() for seed in self.seeds for place in seed.places}

    def describe(self) -> dict[str, Any]:
        """Return the side as plain containers, for JSON."""
        return {
            "combination": self.combination,
            "data": self.data,
            "kimg": self.kimg,
            "seeds": {str(seed.number): seed.value for seed in self.seeds},
            "from": [str(place) for seed in self.seeds for place in seed.places],
        }


def find_sides(a: str, b: str, results: Path, registry: Registry) -> tuple[Side, Side]:
    """Return the sides that A and B name.

    Each names a record file, a run, registered weights, a directory of records, or a combination under ``results``.
    Raises GanzooError if a name is not found, if the protocols differ (the error names the fields), if both share a
    record, or if more than one pair matches.
    """
    choices = list(product(*(_candidates(text, results, registry) for text in (a, b))))
    alike = [pair for pair in choices if not differing(*pair)]
    if not alike:
        nearest = min((differing(*pair) for pair in choices), key=len)
        raise GanzooError(f"{a} and {b} were scored under different protocols: {'; '.join(nearest)}")
    apart = [(one, other) for one, other in alike if not one.places & other.places]
    if not apart:
        raise GanzooError(f"{a} and {b} have a record in common; name two without one")
    of_one_grid = [(one, other) for one, other in apart if one.grid == other.grid]
    apart = of_one_grid if of_one_grid else apart
    if len(apart) > 1:
        for text, sides in zip((a, b), zip(*apart, strict=True), strict=True):
            found = sorted({str(side.seeds[0].place) for side in sides})
            if len(found) > 1:
                named = some_of(found, SHOWN)
                raise GanzooError(
                    f"{text} is in {len(found)} rows; name one grid with --results, or a record or a directory: {named}"
                )
    return apart[0]


def differing(one: Side, other: Side) -> list[str]:
    """Return the reasons, a few words each, why two sides cannot be compared; empty if they can."""
    found = [] if one.data == other.data else [f"data {one.data} against {other.data}"]
    if one.ranking != other.ranking:
        found.append(f"the metric {one.ranking.value} against {other.ranking.value}")
    if protocol_key(one.protocol) == protocol_key(other.protocol):
        return found
    for key, left, right in differing_fields(one.protocol, other.protocol):
        if left not in NOTHING or right not in NOTHING:
            found.append(f"{key} {_short(left)} against {_short(right)}")
    return found


def _candidates(text: str, results: Path, registry: Registry) -> list[Side]:
    """Return all sides that one argument can mean."""
    path = fetch(registry, text) if is_weights(text) else Path(text)
    if is_run(path):
        return [_side_of_run(path, registry)]
    if path.is_dir():
        found = _read(path)
        sides = _sides(found)
        if not sides:
            raise GanzooError(f"{path} holds {'no scored record' if found else 'no record'}, and it is not a run")
        if len(sides) > 1:
            raise GanzooError(f"{path} holds {len(sides)} rows, {_one_of(path, sides)}")
        return sides
    if path.is_file():
        record = read_record(path)
        sides = _sides([(path, record)])
        if not sides:
            raise GanzooError(f"{path} has no score to compare{f': {record.reason}' if record.reason else ''}")
        return sides
    return _named(text, results)


def _one_of(directory: Path, sides: Sequence[Side]) -> str:
    """Return the end of the message for a directory with more than one row: what the user can do."""
    names = list(dict.fromkeys(side.combination for side in sides))
    if len(names) == 1:
        return f"all of {names[0]}, which differ in settings, budget or machine; name a record"
    more = ", ..." if len(names) > SHOWN else ""
    return f"of {', '.join(names[:SHOWN])}{more}; name a combination and give --results {directory}"


def _named(name: str, results: Path) -> list[Side]:
    """Return the sides of a combination; those of older grids only if there are no others."""
    readable = readable_records(results, lambda error: logger.warning(f"{error}; it is left out"))
    found = list(readable) if results.is_dir() else []
    own = [(file, record) for file, record in found if record.recipe == name]
    sides = _sides([pair for pair in own if not is_older(pair[0], results)]) or _sides(own)
    if not sides:
        hint = did_you_mean(name, {record.recipe for _, record in found}, most=SHOWN, cutoff=0.6)
        raise GanzooError(f"{name} is not a record, a run, a directory or a scored combination under {results}{hint}")
    return sides


def _read(directory: Path) -> list[tuple[Path, Record]]:
    return [(file, read_record(file)) for file in record_files(directory)]


def _sides(found: Sequence[tuple[Path, Record]]) -> list[Side]:
    return [side for row in make_rows(found)[0] for side in _sides_of_row(row)]


def _sides_of_row(row: Row) -> list[Side]:
    """Return one side with all seeds of a row, or one side per machine if the row has a single seed.

    Single seeds are compared by their generated images, and these come from the weights of one record.
    """
    ranking = row.ranking
    if ranking is None:
        return []
    scored: dict[int, list[tuple[Path, Record]]] = {}
    for file, record in row.records:
        if record.status == "done" and ranking.of(record.scores) is not None:
            scored.setdefault(record.seed, []).append((file, record))
    values = row.by_seed(lambda record: ranking.of(record.scores))
    seeds = [Seed(runs[0][0], number, values[number], runs[0][1].protocol, others=tuple(file for file, _ in runs[1:]))
             for number, runs in scored.items()]  # fmt: skip
    if len(seeds) == 1:
        seeds = [Seed(file, record.seed, value, record.protocol) for file, record in scored[seeds[0].number]
                 if (value := ranking.of(record.scores)) is not None]  # fmt: skip
        return [_side(row.first, ranking, seed) for seed in seeds]
    return [_side(row.first, ranking, *seeds)] if seeds else []


def _side(first: Record, ranking: Ranking, *seeds: Seed) -> Side:
    return Side(first.recipe, first.data, first.grid, first.budget.kimg, ranking, seeds)


def _side_of_run(path: Path, registry: Registry) -> Side:
    directory = RunDir.open(path)
    score = directory.last_score()
    protocol = score.get("protocol")
    ranked = ranked_value(score.get("values"), protocol)
    if ranked is None or not isinstance(protocol, Mapping):
        raise GanzooError(f"{path} has no score to compare; score it with `ganzoo resume {path}`")
    ranking, value = ranked
    config = load_config(registry, directory).values
    seed = Seed(path, config.seed, value, protocol, is_run=True)
    return Side(config.recipe, config.data.name, "", config.loop.kimg, ranking, (seed,))


def _short(value: Any) -> str:
    return "nothing" if value in NOTHING else str(value)[:24]
