"""What every distribution must do, whatever it registers: load, be cheap to load, name its parts well."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pluggy

from ganzoo.entries import Entry, ImageSpec, LossEntry, PenaltyEntry
from ganzoo.plugin import registry
from ganzoo.plugin.registry import REGISTRATION, PluginReport, Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.testing import import_probe
from ganzoo.testing.probe import short_path
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Failure, Skipped, expect
from ganzoo.training.callbacks import Hooks
from ganzoo.utils.signals import INTERRUPTED_REASON

# Code that loads a plugin, between the probe and the plugin's own.
LOADERS = (
    *(str(Path(str(module.__file__)).parent) for module in (importlib, import_probe, pluggy)),
    str(registry.__file__),
    "<",
)
LITTLE = ("loop.kimg=0.032", "loop.log_kimg=0.016", "loop.snapshot_kimg=0.016")


@dataclass(frozen=True)
class Distribution:
    """The plugins of one distribution, or the one of a file.

    points: its entry points, none for a file. entries: all that its plugins registered.
    """

    registry: Registry
    reports: tuple[PluginReport, ...]
    points: tuple[EntryPoint, ...]
    entries: tuple[Entry, ...]


def loads(part: Distribution) -> None:
    """Every plugin loads and registers something, or watches runs."""
    for report in part.reports:
        expect(not report.error, f"plugin {report.name}: {report.error}")
        expect(report.registered or report.hooks, f"plugin {report.name} registers nothing and implements no hook")


def cheap_import(part: Distribution) -> None:
    """Registering imports no torch."""
    if not part.points:
        raise Skipped("a file is loaded only where it is asked for; a distribution must register without torch")
    job = json.dumps([sys.path, [point.value for point in part.points]])
    done = subprocess.run([sys.executable, import_probe.__file__, job], capture_output=True, text=True)  # noqa: S603
    expect(
        done.returncode == 0, f"loading it in a process of its own ends with {done.returncode}: {_last(done.stderr)}"
    )
    printed = done.stdout.strip().splitlines()
    places = [place for place in json.loads(printed[-1]) if not place[0].startswith(LOADERS)] if printed else []
    if places:
        (first, line), (last, last_line) = places[0], places[-1]
        via = "" if first == last else f", through {short_path(last)}:{last_line}"
        raise Failure(
            f"{short_path(first)}:{line} imports torch{via}; keep it out of registration: entries name classes by "
            "import string"
        )


def names(part: Distribution) -> None:
    """No other distribution registers a name of its own."""
    for entry in part.entries:
        clash = part.registry.clashes.get((entry.kind, entry.short))
        expect(clash is None, f"{clash}, or choose another name")


def described(part: Distribution) -> None:
    """Every part has a summary of one line, losses and penalties a formula."""
    for entry in part.entries:
        what = f"the {entry.kind} {entry.name}"
        expect(entry.summary.strip(), f"{what} has no summary")
        expect("\n" not in entry.summary, f"the summary of {what} has more than one line")
        if isinstance(entry, (LossEntry, PenaltyEntry)):
            expect(entry.formula.strip(), f"{what} has no formula")


def life_cycle(part: Distribution) -> None:
    """A little run with its hooks watching, without a score: none of them raises."""
    watching = {hook for report in part.reports for hook in report.hooks} - REGISTRATION.keys()
    if not watching:
        raise Skipped("it has no life-cycle hooks")
    problems: list[str] = []
    plugins = {f"{report.distribution}:{report.name}" for report in part.reports}
    hooks = Hooks(part.registry, plugins, problems.append)
    rig = Rig(part.registry)
    config = rig.config(f"{NAME}+{NAME}", *LITTLE)
    with tempfile.TemporaryDirectory() as scratch:
        directory = RunDir.create(Path(scratch) / "run", str(config.recipe), config.to_yaml())
        loop = rig.loop(config, disc_images(ImageSpec(1, 8)), directory, [hooks])
        hooks.run_started(directory.path, config.as_dict())
        loop.train()
        hooks.scored(directory.path, config.values.loop.kimg, {"values": {}, "protocol": {}, "seconds": 0.0})
        hooks.run_finished(directory.path, {})
        hooks.run_started(directory.path, config.as_dict())
        hooks.run_stopped(directory.path, INTERRUPTED_REASON)
    expect(not problems, "; ".join(dict.fromkeys(problems)))


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"


CHECKS = (loads, cheap_import, names, described, life_cycle)
