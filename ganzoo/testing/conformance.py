"""The checks of all that a target (a distribution or a file) registers, and the verdict on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ganzoo import __version__
from ganzoo.console.messages import showing
from ganzoo.entries import Entry
from ganzoo.errors import GanzooError
from ganzoo.plugin.discovery import GROUP, file_source, normal
from ganzoo.plugin.registry import PluginReport, Registry
from ganzoo.testing import (
    architecture,
    augmentation,
    command,
    dataset,
    distribution,
    extractor,
    launcher,
    loss,
    metric,
    networks,
    optimizer,
    penalty,
    penalty_inputs,
    stand_ins,
    step,
    store,
    weights,
)
from ganzoo.testing.probe import told
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import Result, Skipped, Status, Verdict
from ganzoo.utils.listing import did_you_mean

Check = Callable[[Any], None]
CHECKS: dict[str, tuple[Check, ...]] = {
    "distribution": distribution.CHECKS,
    "architecture": architecture.CHECKS,
    "loss": loss.CHECKS,
    "penalty": penalty.CHECKS,
    "augmentation": augmentation.CHECKS,
    "step": step.CHECKS,
    "optimizer": optimizer.CHECKS,
    "dataset": dataset.CHECKS,
    "extractor": extractor.CHECKS,
    "metric": metric.CHECKS,
    "launcher": launcher.CHECKS,
    "command": command.CHECKS,
    "store": store.CHECKS,
    "weights": weights.CHECKS,
}
PARTS: dict[str, Callable[..., Any]] = {
    "architecture": networks.Architecture,
    "loss": loss.LossPart,
    "penalty": penalty_inputs.PenaltyPart,
    "augmentation": augmentation.AugmentationPart,
    "step": step.StepPart,
    "optimizer": optimizer.OptimizerPart,
    "extractor": extractor.ExtractorPart,
    "metric": metric.MetricPart,
    "launcher": launcher.LauncherPart,
    "command": command.CommandPart,
    "store": store.StorePart,
    "weights": weights.WeightsPart,
}
# If one of these is not passed, the later checks of the subject are skipped: they would only report the same fault.
GATES: dict[str, tuple[str, ...]] = {
    "distribution": ("loads",),
    "architecture": ("interface", "shapes", "inputs_left_alone", "resumes"),
    "loss": ("interface", "shapes", "facts", "inputs_left_alone", "averaged", "resumes"),
    "penalty": ("interface", "shapes", "inputs_left_alone", "resumes"),
    "augmentation": ("interface", "shapes", "inputs_left_alone", "dtypes", "resumes"),
    "step": ("interface", "updates", "resumes"),
    "optimizer": ("interface", "save_and_load"),
    "dataset": ("interface", "shapes"),
    "extractor": ("interface", "shapes"),
    "metric": ("interface", "reads"),
    "launcher": ("interface",),
    "command": ("interface",),
    "store": ("interface",),
    "weights": ("present",),
}


class Subject:
    """The subject of checks. Its part is made when the first check needs it, and is shared by all checks."""

    def __init__(self, kind: str, name: str, make: Callable[[], Any]) -> None:
        self.kind, self.title, self._make = kind, f"{kind} {name}".strip(), make
        self._made: list[Any] = []
        self.closed = ""

    @property
    def part(self) -> Any:
        """The object that is passed to the checks."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]


@dataclass(frozen=True)
class Case:
    """One check of one subject. A call raises an error if the check fails, Skipped if it does not apply."""

    subject: Subject
    check: Check

    @property
    def name(self) -> str:
        """The name of the check."""
        return self.check.__name__

    def __str__(self) -> str:
        return f"{self.subject.title.replace(' ', '-')}-{self.name}"

    def __call__(self) -> None:
        if self.subject.closed:
            raise Skipped(self.subject.closed)
        try:
            with showing(logging.NullHandler()):  # print only the check's own message
                self.check(self.subject.part)
        except Exception as error:
            if self.name in GATES[self.subject.kind]:
                self.subject.closed = str(error) if isinstance(error, Skipped) else f"{self.name} failed"
            raise

    def result(self) -> Result:
        """Run the check and return its result."""
        begun, message = time.perf_counter(), ""
        status: Status = "passed"
        try:
            self()
        except Skipped as reason:
            status, message = "skipped", str(reason)
        except Exception as error:
            status, message = "failed", told(error)
        return Result(self.subject.title, self.name, status, message, round(time.perf_counter() - begun, 3))


@dataclass(frozen=True)
class Plan:
    """All cases of one target."""

    target: str
    version: str
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = field(default=())

    def verdict(self, results: Iterable[Result] | None = None) -> Verdict:
        """Return the verdict on ``results``, or on the results of running every case if None."""
        found = tuple(case.result() for case in self.cases) if results is None else tuple(results)
        return Verdict(self.target, self.version, found, self.notes)

    def results(self) -> Iterator[Result]:
        """Run the cases one by one and yield each result."""
        for case in self.cases:
            yield case.result()


def plan(
    target: str,
    *,
    settings: Iterable[str] = (),
    location: str | None = None,
    registry: Registry | None = None,
) -> Plan:
    """Return the checks of all that a distribution, or a ``.py`` file, registers.

    settings: KEY=VALUE settings of its parts, such as ``generator.width=8``. location: the path of the images, for a
    data set that needs one. registry: used instead of the installed zoo. Raises GanzooError if the target does not
    exist.
    """
    registry = Registry.load(strict=False) if registry is None else registry
    reports, points = _find(registry, target)
    if all(report.distribution != stand_ins.DISTRIBUTION for report in registry.plugins):
        registry.add(lambda: stand_ins, "stand-ins", stand_ins.DISTRIBUTION, __version__)
    rig = Rig(registry, settings)
    registered = {part for report in reports for part in report.registered}
    entries = tuple(e for known in registry.entries.values() for e in known.values() if (e.kind, e.name) in registered)
    whole = distribution.Distribution(registry, tuple(reports), tuple(points), entries)
    subjects = [Subject("distribution", "", lambda: whole)]
    subjects += [Subject(entry.kind, entry.name, partial(_part, entry, rig, location)) for entry in entries]
    cases = [Case(subject, check) for subject in subjects for check in CHECKS[subject.kind]]
    notes = tuple(f"plugin {report.name}: {line}" for report in reports for line in report.warnings)
    return Plan(reports[0].distribution, reports[0].version, tuple(cases), notes)


def _part(entry: Entry, rig: Rig, location: str | None) -> Any:
    if entry.kind == "dataset":
        return dataset.DatasetPart(entry, rig, location)  # type: ignore[arg-type]
    return PARTS[entry.kind](entry, rig)


def _find(registry: Registry, target: str) -> tuple[list[PluginReport], list[EntryPoint]]:
    """Return the target's plugins and entry points; a file is loaded here. Raises GanzooError if it does not exist."""
    path = Path(target)
    if path.suffix == ".py":
        if not path.is_file():
            raise GanzooError(f"there is no plugin file {target}")
        source = file_source(path.resolve())
        known = [report for report in registry.plugins if report.file == source.file]
        if known:
            return known, []
        return [registry.add(source.load, source.name, source.distribution, source.version, source.file)], []
    reports = [report for report in registry.plugins if normal(report.distribution) == normal(target)]
    if not reports:
        if groups := _groups_of(target):
            raise GanzooError(f"{target} is installed, but has no entry point in the group {GROUP} (it has: {groups})")
        names = sorted({report.distribution for report in registry.plugins})
        hint = did_you_mean(target, names, most=1, cutoff=0.6)
        raise GanzooError(
            f"no distribution {target!r} with a plugin is installed{hint} (there are: {', '.join(names)}); "
            "in its own directory: pip install -e ."
        )
    points = [p for p in entry_points(group=GROUP) if p.dist is not None and normal(p.dist.name) == normal(target)]
    return reports, points


def _groups_of(distribution: str) -> str:
    """Return the groups of a distribution's entry points, or "none"; "" if it is not installed."""
    try:
        points = metadata.distribution(distribution).entry_points
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    return ", ".join(sorted({point.group for point in points})) or "none"


__all__ = ["CHECKS", "Case", "Plan", "plan"]
