"""Rows of the leaderboard. The records of a row differ only in the seed and the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ganzoo.bench.leaderboard.machines import Machine, Runs, machine_key
from ganzoo.bench.leaderboard.protocols import is_conditional, protocol_key
from ganzoo.bench.record import Record
from ganzoo.config.schema import MACHINE_CHOICES

# Settings that are newer than the first records, each with the value that means the same as its absence.
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
class Row(Runs):
    """One combination with one configuration and budget, over its seeds and machines.

    Scores are over all seeds. Times are per machine, see :attr:`machines`.
    """

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """The runs of each machine, the machine of the lowest seed first."""
        found: dict[tuple[Any, ...], list[tuple[Path, Record]]] = {}
        known = {name for _, record in self.records if (name := record.hardware.precision)}
        lone = known.pop() if len(known) == 1 else None  # that of older records too, which do not say theirs
        for file, record in self.records:
            key = machine_key(replace(record.hardware, precision=record.hardware.precision or lone))
            found.setdefault(key, []).append((file, record))
        return tuple(Machine(tuple(records)) for records in found.values())

    @property
    def hardware(self) -> list[str]:
        """The distinct hardware classes of the machines."""
        return list(dict.fromkeys(machine.hardware for machine in self.machines))

    @property
    def protocol(self) -> dict[str, Any]:
        """The protocol of the scores; empty without scores."""
        return next((record.protocol for record in self.done if record.protocol), {})

    @property
    def architecture(self) -> str:
        """The generator's architecture, with the discriminator's if that differs."""
        first = self.first
        own = first.architecture == first.discriminator
        return first.architecture if own else f"{first.architecture}/{first.discriminator}"

    @property
    def loss(self) -> str:
        """The loss, with what the recipe adds to it, such as penalties."""
        return self.first.recipe.partition("+")[2] or self.first.loss

    @property
    def budget(self) -> str:
        """The budget in words: in minutes if it was a time, otherwise in kimg."""
        found = self.first.budget
        return f"{found.minutes:g} min" if found.minutes is not None else f"{found.kimg:g} kimg"

    @property
    def marks(self) -> list[str]:
        """The remarks that a reader of the row must know."""
        found = dict.fromkeys(["class-conditional"] if self.conditional else [])
        found |= dict.fromkeys(mark for _, record in self.records for mark in record.marks)
        if self.first.augmentation:
            found[f"augmentation {self.first.augmentation}"] = None
        found |= {machine.company: None for machine in self.machines if not machine.alone}
        if self.done and self.failed:
            seeds = len({record.seed for _, record in self.records})
            what = "seeds" if seeds == len(self.records) else "runs"
            found[f"{len(self.failed)} of {len(self.records)} {what} failed: {self.reason}"] = None
        commits = {record.git_commit for record in self.done}
        if len(commits) > 1:
            found[f"seeds from {len(commits)} commits"] = None
        return list(found)

    @property
    def conditional(self) -> bool:
        """Whether the scored generator was given the class."""
        return is_conditional(self.protocol)

    @property
    def reason(self) -> str:
        """The reason of the first failed run; "" if none failed."""
        return self.failed[0].reason if self.failed else ""

    @property
    def samples(self) -> tuple[Path, Record] | None:
        """The file and the record whose sample grid is shown: the first, by seed, that has one. None without a grid."""
        return next(((file, record) for file, record in self.records if record.samples), None)


def make_rows(found: Sequence[tuple[Path, Record]]) -> tuple[list[Row], list[str]]:
    """Return the rows, and a line for each record that is left out.

    A record is left out if it repeats a seed of its row on the same machine.
    """
    alike: dict[str, list[tuple[Path, Record]]] = {}
    for file, record in found:
        alike.setdefault(_identity(record), []).append((file, record))
    rows, repeated = [], []
    for records in alike.values():
        # A failed record has no protocol, so it goes to the first row that it could belong to.
        parts: dict[str, dict[tuple[Any, ...], tuple[Path, Record]]] = {}
        for file, record in sorted(records, key=lambda pair: pair[1].status == "failed"):
            part = _scored_as(record) if record.status == "done" else next(iter(parts), "")
            runs = parts.setdefault(part, {})
            run = record.seed, machine_key(record.hardware)
            if run in runs:
                repeated.append(f"left out: {file} repeats seed {record.seed} of {runs[run][0]}")
            runs.setdefault(run, (file, record))
        rows += [Row(tuple(runs[run] for run in sorted(runs))) for runs in parts.values()]
    return rows, repeated


def _identity(record: Record) -> str:
    """Return what was asked for, as JSON, without the seed and what may be chosen for each machine."""
    config = _without_later({key: value for key, value in record.config.items() if key != "seed"})
    if isinstance(loop := config.get("loop"), dict):
        # A run that finished under "stop" met no fault, so it is the same as one from before these settings.
        faults = ("on_nan", "max_rollbacks") if loop.get("on_nan") == "stop" else ()
        left_out = ("device", *MACHINE_CHOICES, *faults)
        config["loop"] = {key: value for key, value in loop.items() if key not in left_out}
    if isinstance(metrics := config.get("metrics"), dict):  # a path on one machine; older records lack it
        config["metrics"] = {key: value for key, value in metrics.items() if key != "weights"}
    return json.dumps(
        [record.grid, record.recipe, record.architecture, record.discriminator, record.loss, record.penalties,
         record.augmentation, record.data, record.budget.kimg, record.budget.minutes, config],
        sort_keys=True,
    )  # fmt: skip


def _without_later(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a configuration without the settings whose value in ``LATER`` means the same as their absence."""
    return {
        key: _without_later(value, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in LATER or value != LATER[f"{prefix}{key}"]
    }


def _scored_as(record: Record) -> str:
    return json.dumps([protocol_key(record.protocol), record.plugins], sort_keys=True)
