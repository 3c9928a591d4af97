"""From a configuration to a finished run: the one place where data, model, loop and score meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ganzoo.config.schema import Config
from ganzoo.console.display import Display
from ganzoo.data.dataset import Pictures
from ganzoo.data.factory import open_configured, peek_configured, reference_split
from ganzoo.data.loader import Feed
from ganzoo.data.usage import Usage
from ganzoo.distributed import collectives
from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.errors import GanzooError, NetworkMissing, WriteFailed
from ganzoo.interfaces import Generator
from ganzoo.metrics.score import score
from ganzoo.models.build import Model, build_model, check_picture
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import checkpoint_paths, read_checkpoint, set_aside
from ganzoo.runs.load import load_config, load_generator
from ganzoo.runs.plugin_copies import check_plugins, keep_plugins
from ganzoo.runs.provenance import provenance
from ganzoo.runs.requirements import needs_of
from ganzoo.runs.run_dir import Onlooker, RunFolder
from ganzoo.training import state
from ganzoo.training.loop import Loop
from ganzoo.utils.files import data_root
from ganzoo.utils.lock import alone_in
from ganzoo.utils.signals import INTERRUPTED, Stop, Stopped, heeding_signals

INIT_FROM = "init_from"  # in the provenance: the checkpoint whose weights the run began with


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its folder, whether it reached its budget, its score (empty where there is none), and what a
    process that was stopped exits with."""

    folder: RunFolder
    finished: bool
    score: Mapping[str, Any]
    code: int = 0


def start(
    registry: Registry, config: Config, display: Display, *, out: Path | None = None, init_from: Path | None = None
) -> Outcome:
    """Train from the beginning, or from another run's weights. Raises GanzooError for whatever the user can mend.

    Restarted by ``torchrun``, after a rank's death, it goes on with what it had begun.
    """
    begun = RunFolder.begun(out, str(config.recipe), config.to_yaml()) if collectives.restarted() else None
    if begun is not None:
        return resume(registry, begun.path, display)
    with heeding_signals(collectives.here().together) as stop:
        source = RunFolder.open(init_from).checkpoint("latest", display.warn) if init_from else None
        device, pictures = _prepare(registry, config, display)
        model = build_model(config, pictures.spec)
        usage = _say_usage(pictures, model, display)
        folder = _reserve(out, str(config.recipe))
        with _alone_in(folder.path, display.warn):
            folder.check_unbegun()
            loop = _loop(registry, config, display, folder, device, pictures, model)
            origin = _origin(config, registry, device, pictures, usage)
            if source is not None:
                state.load_weights(loop, source)
                origin[INIT_FROM] = str(source.path.absolute())
            folder.note_provenance(origin)
            if collectives.first():
                keep_plugins(registry, config, folder)
            folder.begin(config.to_yaml())
            return _train(registry, config, display, folder, loop, stop)


def resume(registry: Registry, path: Path, display: Display) -> Outcome:
    """Go on exactly where the newest good checkpoint stands; a run that is finished is only scored again."""
    folder = _kind_of_folder().open(path)
    with heeding_signals(collectives.here().together) as stop, _alone_in(path, display.warn):
        config = load_config(registry, folder, warn=display.warn, scoring=True)
        check_plugins(registry, folder)
        device, pictures = _prepare(registry, config, display)
        known = folder.provenance()
        if not known:
            display.warn(f"{folder.provenance_file} is damaged or gone; it is written anew")
        if _fingerprint(known) not in (None, pictures.fingerprint):
            raise GanzooError(
                f"{config.values.data.name} holds other pictures than {path} was trained on; "
                "restore them, or start anew with `ganzoo run --init-from`"
            )
        model = build_model(config, pictures.spec)
        usage = _say_usage(pictures, model, display)
        loop = _loop(registry, config, display, folder, device, pictures, model)
        origin = _origin(config, registry, device, pictures, usage)
        if INIT_FROM in known:
            origin[INIT_FROM] = known[INIT_FROM]
        newest = folder.newest_good(display.warn)
        collectives.wait()  # all have found the same before the first one changes the folder
        if newest is not None:
            if collectives.first():
                for newer in (found for found in checkpoint_paths(folder.checkpoints) if found.name > newest.path.name):
                    set_aside(newer)
            state.restore(loop, newest)
        else:
            folder.rewind(None)
            if INIT_FROM in known:
                state.load_weights(loop, read_checkpoint(Path(str(known[INIT_FROM]))))
        folder.note_provenance(origin)
        return _train(registry, config, display, folder, loop, stop)


def evaluate(
    registry: Registry,
    path: Path,
    display: Display,
    *,
    checkpoint: str = "latest",
    settings: tuple[str, ...] = (),
    truncation: float = 1.0,
) -> dict[str, Any]:
    """Score a run's checkpoint anew, with ``metrics.*`` settings on top of the run's own. Raises NetworkMissing."""
    prepare_process()
    folder = RunFolder.open(path)
    config = load_config(registry, folder, settings, warn=display.warn, scoring=True)
    device = pick_device(config.values.loop.device)
    found = folder.checkpoint(checkpoint, display.warn)
    generator = load_generator(registry, path, found.path.name, device)
    return _score(registry, config, device, display, generator, config.values.metrics.mode, truncation)


def _prepare(registry: Registry, config: Config, display: Display) -> tuple[torch.device, Pictures]:
    """Validate inputs, cheapest checks first, and open the data."""
    prepare_process()
    collectives.check_batch(config.values.loop.batch)
    device = pick_device(config.values.loop.device)
    check_picture(config, peek_configured(registry, config.values.data))
    pictures = _open(registry, config, config.values.data.split, display)
    check_picture(config, pictures.spec)  # of a large set, peeking looks at some pictures only
    return device, pictures


def _say_usage(pictures: Pictures, model: Model, display: Display) -> Usage:
    """Say in one line which images are used, which are not and why."""
    usage = pictures.usage or Usage(len(pictures))
    conditional = model.generator.conditional or model.discriminator.conditional
    if pictures.labels is not None and not conditional:
        unused = f"labels of {pictures.spec.classes} classes not used, as neither network is class-conditional"
        usage = replace(usage, remarks=(*usage.remarks, unused))
    say = display.note if usage.whole else display.warn
    say(f"{pictures.name}: {usage}")
    return usage


def _origin(
    config: Config, registry: Registry, device: torch.device, pictures: Pictures, usage: Usage
) -> dict[str, Any]:
    """What the run's folder keeps of software, machine and data."""
    origin = provenance(config, registry, device, pictures.fingerprint)
    return {**origin, "data": {**origin["data"], **usage.as_dict()}}


def _open(registry: Registry, config: Config, split: str, display: Display) -> Pictures:
    opened = partial(open_configured, registry, config.values.data, split=split, warn=display.warn)
    return collectives.by_first(opened, opened)  # what one decodes, the others find


def _reserve(out: Path | None, recipe: str) -> RunFolder:
    """One new folder for all ranks."""
    if not collectives.first():
        return Onlooker(Path(collectives.told("")))
    folder = RunFolder.reserve(out, recipe)
    collectives.told(str(folder.path))
    return folder


def _alone_in(folder: Path, warn: Callable[[str], None]) -> AbstractContextManager[None]:
    """The folder's lock; of several ranks the first one holds it for all."""
    return alone_in(folder, warn) if collectives.first() else nullcontext()


def _kind_of_folder() -> type[RunFolder]:
    return RunFolder if collectives.first() else Onlooker


def _notifier(registry: Registry, display: Display) -> Callable[..., None]:
    """Of several ranks the first one calls the life-cycle hooks."""
    return partial(registry.notify, warn=display.warn, only=None if collectives.first() else ())


def _loop(
    registry: Registry,
    config: Config,
    display: Display,
    folder: RunFolder,
    device: torch.device,
    pictures: Pictures,
    model: Any,
) -> Loop:
    values = config.values
    feed = Feed(pictures, values.loop.batch, values.seed, device, values.data.mirror)
    scoring = partial(_score_or_say_why, registry, config, device, display)
    needs = needs_of(config, registry)
    notify = _notifier(registry, display)
    return Loop(config, model, feed, folder, device, display, notify, scoring, display.warn, needs)


def _train(registry: Registry, config: Config, display: Display, folder: RunFolder, loop: Loop, stop: Stop) -> Outcome:
    notify = _notifier(registry, display)
    notify("run_started", run=folder.path, config=config.as_dict())
    headline = f"{config.recipe} on {config.values.data.name}, {loop.budget / 1000:g} kimg, into {folder.path}"
    stop.loop = loop
    try:
        with display.running(headline, loop.budget):
            loop.train()
            if collectives.agreed(loop.stop_requested):
                return Outcome(folder, False, {}, stop.code or INTERRUPTED)
            result = loop.finish()
    except Stopped:
        return Outcome(folder, False, {}, stop.code)
    except WriteFailed as error:
        raise GanzooError(f"{error}: mend that and go on with `ganzoo resume {folder.path}`") from error
    finally:
        loop.feed.close()
    notify("run_finished", run=folder.path, score=result)
    return Outcome(folder, True, result)


def _score_or_say_why(
    registry: Registry, config: Config, device: torch.device, display: Display, generator: Generator, mode: str
) -> dict[str, Any]:
    try:
        return _score(registry, config, device, display, generator, mode)
    except NetworkMissing as error:
        display.warn(f"not scored: {error}")
        return {}


def _score(
    registry: Registry,
    config: Config,
    device: torch.device,
    display: Display,
    generator: Generator,
    mode: str,
    truncation: float = 1.0,
) -> dict[str, Any]:
    metrics = config.values.metrics
    if not metrics.names:
        return {}
    reference = _open(registry, config, reference_split(registry, config.values.data.name), display)
    return score(
        replace(metrics, mode=mode),
        generator,
        reference,
        registry=registry,
        root=data_root(config.values.data.root),
        device=device,
        truncation=truncation,
        progress=display.scoring,
    ).to_dict()


def _fingerprint(origin: Mapping[str, Any]) -> Any:
    data = origin.get("data")
    return data.get("fingerprint") if isinstance(data, dict) else None
