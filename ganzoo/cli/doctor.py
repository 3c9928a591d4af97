"""`ganzoo doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from ganzoo.errors import GanzooError, printable
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_path import RUNS
from ganzoo.utils.files import data_root, with_tilde
from ganzoo.utils.listing import some_of

GIB = 2**30
LEAST, ENOUGH = GIB, 5 * GIB  # bytes: LEAST for one data set and a run's checkpoints, ENOUGH for large sets
COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@dataclass(frozen=True)
class Check:
    """The result of one check.

    what: the thing checked. state: ok; note, a limit of what ganzoo can do here; or broken. text: what was found and,
    unless the state is ok, what to do.
    """

    what: str
    state: Literal["ok", "note", "broken"]
    text: str


@click.command()
def doctor() -> None:
    """Check the device, plugins, the network of the scores, disk space and caches; exit with 1 if one is broken.

    A missing network is downloaded, as the first score would do.
    """
    broken = 0
    for check in examine():
        broken += check.state == "broken"
        label = click.style(f"{check.state:<6}", fg=COLOURS[check.state])
        click.echo(f"{label}  {check.what}: {printable(with_tilde(check.text))}")
    if broken:
        raise click.exceptions.Exit(1)


def examine() -> Iterator[Check]:
    """Yield every check, the quick ones first."""
    registry: Registry | None = None
    try:
        registry = Registry.load(strict=False)
    except GanzooError as error:
        yield Check("plugins", "broken", str(error))
    if registry is not None:
        yield from check_plugins(registry)
    root = data_root(None)
    yield check_place("runs", RUNS, "work in another directory, or name one with --out")
    yield check_place("caches and data", root, "set GANZOO_DATA or data.root to another directory")
    yield check_device()
    if registry is not None:
        yield from check_networks(registry, root)


def check_plugins(registry: Registry) -> Iterator[Check]:
    """Yield a check for each plugin that fails to load and each name that two plugins claim, or one that all load."""
    failed = [plugin for plugin in registry.plugins if plugin.error]
    for plugin in failed:
        text = f"{plugin.name} of {plugin.origin} failed: {plugin.error}; fix or uninstall it"
        yield Check("plugins", "broken", text)
    for clash in registry.clashes.values():
        yield Check("plugins", "note", clash)
    if not failed:
        distributions = sorted({plugin.distribution for plugin in registry.plugins})
        yield Check("plugins", "ok", f"{len(registry.plugins)} loaded, from {some_of(distributions, 8)}")


def check_place(what: str, place: Path, remedy: str) -> Check:
    """Check whether a path, which may not exist yet, can be written to, and how much space is free there."""
    above = place.absolute()
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    try:
        with tempfile.TemporaryFile(dir=above) as stream:
            stream.write(b"ganzoo")
        free = shutil.disk_usage(above).free
    except OSError as error:
        return Check(what, "broken", f"{place} cannot be written: {error.strerror}; {remedy}")
    found = f"{place}, {free / GIB:.1f} GiB free"
    if free < LEAST:
        return Check(what, "broken", f"{found}; free some space (`ganzoo clean` helps), or {remedy}")
    if free < ENOUGH:
        return Check(what, "note", f"{found}; large sets need more: `ganzoo clean` shows what can go")
    return Check(what, "ok", found)


def check_device() -> Check:
    """Check which device a run gets, and whether the machine has a GPU that torch cannot use."""
    import torch

    from ganzoo.distributed.device import pick_device
    from ganzoo.runs.provenance import describe_device

    device = pick_device("auto")
    name = describe_device(device)
    if device.type != "cpu":
        return Check("device", "ok", f"{device.type}: {name}")
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        why = f"sees no GPU with CUDA {torch.version.cuda}" if torch.version.cuda else "is built without CUDA"
        text = f"there is an NVIDIA driver, but torch {torch.__version__} {why}; install the torch that fits the driver"
        return Check("device", "broken", f"{text} (pytorch.org), and see CUDA_VISIBLE_DEVICES")
    return Check("device", "note", f"no GPU: runs use {name}; begin with a small loop.kimg")


def check_networks(registry: Registry, root: Path) -> Iterator[Check]:
    """Yield a check for each default metric: whether the network that it needs is found."""
    from ganzoo.config.scoring import find_extractor
    from ganzoo.entries import MetricEntry
    from ganzoo.metrics.extractors import find_source

    metrics = [metric for metric in registry.of_kind(MetricEntry) if metric.default]
    if not metrics:
        yield Check("scores", "note", "there is no default metric; name some with metrics.names")
    for metric in metrics:
        extractor = find_extractor(metric, registry)
        what = f"scores ({metric.name})"
        if extractor is None:
            yield Check(what, "broken", f"its extractor {metric.extractor or ''} is not installed; install its plugin")
            continue
        try:
            source = find_source(extractor, None, root)
        except GanzooError as error:
            yield Check(what, "broken", str(error))
            continue
        yield Check(what, "ok", f"{source.title} from {source.network.source}")
