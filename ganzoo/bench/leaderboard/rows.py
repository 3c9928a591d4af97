"""Records over seeds: only what differs in nothing but the seed is averaged."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.bench.record import Record
from ganzoo.runs.ranking import RANKED_BY, Ranking

# Parts of a protocol that say how a score was come by, but do not move it.
BESIDE = frozenset(
    (
        "seed",
        "real_statistics",
        "network_file",
        "network_source",
        "network_name",
        "extractor_device",
        "torch_fidelity",
        "timm",
        "metrics",
        RANKED_BY,
    )
)

# Settings that came later than the first records, by what stands for their absence.
LATER: Mapping[str, Any] = {
    "data.channels": "auto",
    "data.labels": "auto",
    "data.fit": "crop",
    "data.background": None,
    "data.formats": "all",
    "generator.conditional": False,
    "discriminator.conditional": False,
    "loop.accumulate": 1,
    "optimizer.generator.options": {},
    "optimizer.discriminator.options": {},
}


@dataclass(frozen=True)
class Spread:
    """Mean and sample deviation of ``count`` seeds; one seed has no deviation."""

    mean: float
    deviation: float | None
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """None of no values."""
    found = list(values)
    if not found:
        return None
    return Spread(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None, len(found))


@dataclass(frozen=True)
class Row:
    """Records that differ in nothing but the seed, the lowest seed first, each with its file."""

    records: tuple[tuple[Path, Record], ...]

    @property
    def first(self) -> Record:
        """Stands for all in what they share."""
        return self.records[0][1]

    @property
    def done(self) -> list[Record]:
        """Those that were trained to the end."""
        return [record for _, record in self.records if record.status == "done"]

    @property
    def failed(self) -> list[Record]:
        """Those that were not."""
        return [record for _, record in self.records if record.status == "failed"]

    @property
    def protocol(self) -> dict[str, Any]:
        """Of the scores; empty where there are none."""
        return next((record.protocol for record in self.done if record.protocol), {})

    @property
    def architecture(self) -> str:
        """Generator, and the discriminator where it is another architecture's."""
        first = self.first
        own = first.architecture == first.discriminator
        return first.architecture if own else f"{first.architecture}/{first.discriminator}"

    @property
    def loss(self) -> str:
        """The loss with the penalties that were added to it."""
        return self.first.recipe.partition("+")[2] or self.first.loss

    @property
    def hardware(self) -> str:
        """The class rows are filtered by."""
        found = self.first.hardware
        return f"cpu, {found.threads} of {found.cores} cores" if found.kind == "cpu" else found.kind

    @property
    def budget(self) -> str:
        """What was given to it: minutes where it was a time, else kimg."""
        found = self.first.budget
        return f"{found.minutes:g} min" if found.minutes is not None else f"{found.kimg:g} kimg"

    @property
    def alone(self) -> bool:
        """Whether nothing was trained beside it, so that its times can be compared."""
        return self.first.hardware.side_by_side <= 1

    @property
    def marks(self) -> list[str]:
        """What a reader must know of the row."""
        found = dict.fromkeys(["class-conditional"] if self.conditional else [])
        found |= dict.fromkeys(mark for _, record in self.records for mark in record.marks)
        if self.first.augmentation:
            found[f"augmentation {self.first.augmentation}"] = None
        if not self.alone:
            found[f"{self.first.hardware.side_by_side} side by side"] = None
        if self.done and self.failed:
            found[f"{len(self.failed)} of {len(self.records)} seeds failed: {self.reason}"] = None
        commits = {record.git_commit for record in self.done}
        if len(commits) > 1:
            found[f"seeds from {len(commits)} commits"] = None
        return list(found)

    @property
    def conditional(self) -> bool:
        """Whether the generator that was scored was told the class."""
        return is_conditional(self.protocol)

    @property
    def reason(self) -> str:
        """Why the first of the failed ones failed."""
        return self.failed[0].reason if self.failed else ""

    @property
    def samples(self) -> tuple[Path, Record] | None:
        """The record, of the lowest seed that has one, whose sample grid is shown."""
        return next(((file, record) for file, record in self.records if record.samples), None)

    def score(self, name: str) -> Spread | None:
        """Over the seeds that have it."""
        return spread(record.scores[name] for record in self.done if name in record.scores)

    def cost(self, name: str) -> Spread | None:
        """A field of Cost, over the seeds that have it."""
        return spread(getattr(record.cost, name) for record in self.done if record.cost is not None)

    @property
    def ranking(self) -> Ranking | None:
        """The value that ranks the first scored record; None where nothing was scored."""
        return next(filter(None, (record.ranking for record in self.done)), None)

    @property
    def ranked(self) -> Spread | None:
        """Of that value; None where nothing was scored."""
        return self.score(self.ranking.value) if self.ranking else None

    @property
    def minutes(self) -> Spread | None:
        """Of training."""
        return spread(record.cost.training_seconds / 60 for record in self.done if record.cost is not None)


def make_rows(found: Sequence[tuple[Path, Record]]) -> tuple[list[Row], list[str]]:
    """Rows, and a line for every record that repeats a seed of its row."""
    alike: dict[str, list[tuple[Path, Record]]] = {}
    for file, record in found:
        alike.setdefault(_identity(record), []).append((file, record))
    rows, repeated = [], []
    for records in alike.values():
        # A failed record has no protocol to be told apart by: it goes to the first row it could belong to.
        parts: dict[str, dict[int, tuple[Path, Record]]] = {}
        for file, record in sorted(records, key=lambda pair: pair[1].status == "failed"):
            part = _scored_as(record) if record.status == "done" else next(iter(parts), "")
            seeds = parts.setdefault(part, {})
            if record.seed in seeds:
                repeated.append(f"left out: {file} repeats seed {record.seed} of {seeds[record.seed][0]}")
            seeds.setdefault(record.seed, (file, record))
        rows += [Row(tuple(seeds[seed] for seed in sorted(seeds))) for seeds in parts.values()]
    return rows, repeated


def _identity(record: Record) -> str:
    """All that was asked for, and on which machine, but the seed."""
    hardware = record.hardware
    config = _without_later({key: value for key, value in record.config.items() if key != "seed"})
    if isinstance(loop := config.get("loop"), dict) and loop.get("on_nan") == "stop":
        # A row that came to its end met no fault, so it is one with those from before these settings.
        config["loop"] = {key: value for key, value in loop.items() if key not in ("on_nan", "max_rollbacks")}
    if isinstance(metrics := config.get("metrics"), dict):  # a place on one machine, and a setting of later versions
        config["metrics"] = {key: value for key, value in metrics.items() if key != "weights"}
    return json.dumps(
        [record.grid, record.recipe, record.architecture, record.discriminator, record.loss, record.penalties,
         record.augmentation, record.data, record.budget.kimg, record.budget.minutes, hardware.kind, hardware.device,
         hardware.cores, hardware.threads, hardware.side_by_side, config],
        sort_keys=True,
    )  # fmt: skip


def _without_later(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration without those of ``LATER`` that are as if they were not there."""
    return {
        key: _without_later(value, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in LATER or value != LATER[f"{prefix}{key}"]
    }


def _scored_as(record: Record) -> str:
    return json.dumps([protocol_key(record.protocol), record.plugins], sort_keys=True)


def is_conditional(protocol: Mapping[str, Any]) -> bool:
    """Whether a protocol says that the generated images were asked for by class."""
    return protocol.get("classes", "none") != "none"


def protocol_key(protocol: Mapping[str, Any]) -> str:
    """All of a protocol that decides a score; equal for scores that may be compared."""
    return json.dumps(deciding(protocol), sort_keys=True)


def deciding(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a protocol that decide a score."""
    fields = _without_beside(protocol)
    if not fields.get("tf32"):  # a CPU, which has none, does not say so
        fields.pop("tf32", None)
    return fields


def _without_beside(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Without the parts that move no score, those of further extractors included."""
    kept = {key: value for key, value in protocol.items() if key not in BESIDE}
    if isinstance(others := kept.get("extractors"), Mapping):
        kept["extractors"] = {name: _without_beside(one) for name, one in others.items() if isinstance(one, Mapping)}
    return kept
