"""What every distribution must do: load, load without torch, and name and describe its parts well."""

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
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Failure, Skipped, expect
from ganzoo.training.callbacks import Hooks
from ganzoo.utils.places import short_path
from ganzoo.utils.signals import INTERRUPTED_REASON

# Paths of the code that loads a plugin, which runs between the probe and the plugin.
LOADERS = (
    *(str(Path(str(module.__file__)).parent) for module in (importlib, import_probe, pluggy)),
    str(registry.__file__),
    "<",
)
LITTLE = ("loop.kimg=0.032", "loop.log_kimg=0.016", "loop.snapshot_kimg=0.016")


@dataclass(frozen=True)
class Distribution:
    """The plugins of one distribution, or the plugin of a file.

    points: its entry points, empty for a file. entries: all parts that its plugins registered.
    """

    registry: Registry
    reports: tuple[PluginReport, ...]
    points: tuple[EntryPoint, ...]
    entries: tuple[Entry, ...]


def loads(part: Distribution) -> None:
    """Check that every plugin loads, and that it registers a part or implements a hook."""
    for report in part.reports:
        expect(not report.error, f"plugin {report.name}: {report.error}")
        expect(report.registered or report.hooks, f"plugin {report.name} registers nothing and implements no hook")


def cheap_import(part: Distribution) -> None:
    """Check that registration does not import torch."""
    if not part.points:
        raise Skipped("a file is loaded only if a user names it; a distribution must register without torch")
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
    """Check that no other distribution registers the same names."""
    for entry in part.entries:
        clash = part.registry.clashes.get((entry.kind, entry.short))
        expect(clash is None, f"{clash}, or choose another name")


def described(part: Distribution) -> None:
    """Check that every part has a one-line summary, and that losses and penalties have a formula."""
    for entry in part.entries:
        what = f"the {entry.kind} {entry.name}"
        expect(entry.summary.strip(), f"{what} has no summary")
        expect("\n" not in entry.summary, f"the summary of {what} has more than one line")
        if isinstance(entry, (LossEntry, PenaltyEntry)):
            expect(entry.formula.strip(), f"{what} has no formula")


def life_cycle(part: Distribution) -> None:
    """Check that no life-cycle hook raises in a tiny run. The score that the hooks get has no values."""
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
