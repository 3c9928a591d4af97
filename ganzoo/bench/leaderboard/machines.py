"""Runs of one combination over seeds, and the part of them that one machine trained. Times belong to a machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ganzoo.bench.record import Hardware, Record
from ganzoo.runs.ranking import Ranking


@dataclass(frozen=True)
class Spread:
    """Mean and sample deviation of ``count`` seeds; one seed has no deviation."""

    mean: float
    deviation: float | None
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Return the mean and the deviation; None for no values."""
    found = list(values)
    if not found:
        return None
    return Spread(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None, len(found))


@dataclass(frozen=True)
class Runs:
    """Records of one combination, the lowest seed first, each with its file."""

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
    def ranking(self) -> Ranking | None:
        """The value that ranks the first scored record; None if nothing was scored."""
        return next(filter(None, (record.ranking for record in self.done)), None)

    def by_seed(self, value: Callable[[Record], float | None]) -> dict[int, float]:
        """Each seed that has the value. A seed that several machines trained counts once, with its mean over them."""
        found: dict[int, list[float]] = {}
        for record in self.done:
            if (one := value(record)) is not None:
                found.setdefault(record.seed, []).append(one)
        return {seed: statistics.fmean(values) for seed, values in found.items()}

    def score(self, name: str) -> Spread | None:
        """Over the seeds that have it."""
        return spread(self.by_seed(lambda record: record.scores.get(name)).values())


@dataclass(frozen=True)
class Machine(Runs):
    """The runs that one machine trained under the same conditions, so that their times may be averaged."""

    @property
    def hardware(self) -> str:
        """The class that rows are filtered by."""
        found = self.first.hardware
        return f"cpu, {found.threads} of {found.cores} cores" if found.kind == "cpu" else found.kind

    @property
    def device(self) -> str:
        """The machine's own name."""
        return self.first.hardware.device

    @property
    def side_by_side(self) -> int:
        """Combinations that were trained on it at the same time."""
        return self.first.hardware.side_by_side

    @property
    def alone(self) -> bool:
        """Whether nothing was trained beside it, so that its times can be compared."""
        return self.side_by_side <= 1

    @property
    def minutes(self) -> Spread | None:
        """Of training."""
        return spread(record.cost.training_seconds / 60 for record in self.done if record.cost is not None)

    def cost(self, name: str) -> Spread | None:
        """A field of Cost, over the runs that have it."""
        return spread(getattr(record.cost, name) for record in self.done if record.cost is not None)


def machine_key(hardware: Hardware) -> tuple[str, str, int, int, int]:
    """What is the same of runs whose times may be averaged."""
    return hardware.kind, hardware.device, hardware.cores, hardware.threads, hardware.side_by_side
