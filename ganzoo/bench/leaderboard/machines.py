"""The runs of one combination over seeds, and those that one machine trained. Times are per machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ganzoo.bench.record import Hardware, Record
from ganzoo.runs.ranking import Ranking


@dataclass(frozen=True)
class Spread:
    """The mean and sample deviation of ``count`` values; deviation is None for a single value."""

    mean: float
    deviation: float | None
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Return the mean and the sample deviation; None if there are no values."""
    found = list(values)
    if not found:
        return None
    return Spread(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None, len(found))


@dataclass(frozen=True)
class Runs:
    """The records of one combination, each with its file, ordered by seed."""

    records: tuple[tuple[Path, Record], ...]

    @property
    def first(self) -> Record:
        """The first record; it represents all of them in what they share."""
        return self.records[0][1]

    @property
    def done(self) -> list[Record]:
        """The records of finished runs."""
        return [record for _, record in self.records if record.status == "done"]

    @property
    def failed(self) -> list[Record]:
        """The records of failed runs."""
        return [record for _, record in self.records if record.status == "failed"]

    @property
    def ranking(self) -> Ranking | None:
        """The ranking of the first scored record; None if there is no score."""
        return next(filter(None, (record.ranking for record in self.done)), None)

    def by_seed(self, value: Callable[[Record], float | None]) -> dict[int, float]:
        """Return the value of each seed that has it.

        For a seed that several machines trained, this is the mean over the machines.
        """
        found: dict[int, list[float]] = {}
        for record in self.done:
            if (one := value(record)) is not None:
                found.setdefault(record.seed, []).append(one)
        return {seed: statistics.fmean(values) for seed, values in found.items()}

    def score(self, name: str) -> Spread | None:
        """Return the spread of a score over the seeds that have it; None if no seed has it."""
        return spread(self.by_seed(lambda record: record.scores.get(name)).values())


@dataclass(frozen=True)
class Machine(Runs):
    """The runs that one machine trained under the same conditions, so that their times may be averaged."""

    @property
    def hardware(self) -> str:
        """The hardware class that rows are filtered by."""
        found = self.first.hardware
        return f"cpu, {found.threads} of {found.cores} cores" if found.kind == "cpu" else found.kind

    @property
    def device(self) -> str:
        """The machine's own name."""
        return self.first.hardware.device

    @property
    def side_by_side(self) -> int:
        """The number of combinations trained on the machine at the same time; 0 if it is not known."""
        return self.first.hardware.side_by_side

    @property
    def precision(self) -> str:
        """The precision of the training, in words."""
        return self.first.hardware.precision or "unknown precision"

    @property
    def company(self) -> str:
        """How many combinations were trained at the same time, in words."""
        return "alone" if self.alone else f"{self.side_by_side or 'perhaps several'} side by side"

    @property
    def alone(self) -> bool:
        """Whether nothing else was trained at the same time, so that the times can be compared."""
        return self.side_by_side == 1

    @property
    def minutes(self) -> Spread | None:
        """The minutes of training; None if no run has a cost."""
        return spread(record.cost.training_seconds / 60 for record in self.done if record.cost is not None)

    def cost(self, name: str) -> Spread | None:
        """Return the spread of a field of Cost over the runs that have a cost; None if no run has one."""
        return spread(getattr(record.cost, name) for record in self.done if record.cost is not None)


def machine_key(hardware: Hardware) -> tuple[str, str, int, int, int, str]:
    """Return the hardware fields that must agree for times to be averaged."""
    shared = hardware.cores, hardware.threads, hardware.side_by_side
    return hardware.kind, hardware.device, *shared, hardware.precision or ""
