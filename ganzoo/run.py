"""From a configuration to a finished run: the one place where data, model, loop and score meet."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ganzoo import ranks
from ganzoo.build import build_model, check_picture
from ganzoo.config import Config, data_root
from ganzoo.data.feed import Feed
from ganzoo.data.open import open_pictures, peek_spec, reference_split
from ganzoo.data.pictures import Pictures
from ganzoo.device import pick_device, prepare_process
from ganzoo.display import Display
from ganzoo.entries import MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.folder import Onlooker, RunFolder
from ganzoo.interfaces import Generator
from ganzoo.loop import Loop
from ganzoo.metrics.network import NetworkMissing
from ganzoo.metrics.score import score
from ganzoo.needs import check_needs, needs_of
from ganzoo.plugin_files import check_plugins, keep_plugins, missing_plugins
from ganzoo.provenance import provenance
from ganzoo.registry import Registry, load_target
from ganzoo.resolve import resolve


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its folder, whether it reached its budget, its score (empty where there is none)."""

    folder: RunFolder
    finished: bool
    score: Mapping[str, Any]


def start(
    registry: Registry, config: Config, display: Display, *, out: Path | None = None, init_from: Path | None = None
) -> Outcome:
    """Train from the beginning, or from another run's weights. Raises GanzooError for whatever the user can mend.

    Restarted by ``torchrun``, after a rank's death, it goes on with what it had begun.
    """
    begun = RunFolder.begun(out, str(config.recipe), config.to_yaml()) if ranks.restarted() else None
    if begun is not None:
        return resume(registry, begun.path, display)
    source = RunFolder.open(init_from).checkpoint("latest") if init_from else None
    device, pictures = _prepare(registry, config, display)
    model = build_model(config, pictures.spec)
    folder = _create(out, config)
    loop = _loop(registry, config, display, folder, device, pictures, model)
    if source is not None:
        loop.load_weights(source)
    folder.write_json(folder.provenance_file, provenance(config, registry, device, pictures.fingerprint))
    if ranks.here().rank == 0:
        keep_plugins(registry, config, folder)
    return _train(registry, config, display, folder, loop)


def resume(registry: Registry, path: Path, display: Display) -> Outcome:
    """Go on exactly where the newest checkpoint stands; a run that is finished is only scored again."""
    folder = _kind_of_folder().open(path)
    config = load_config(registry, folder, warn=display.warn, scoring=True)
    check_plugins(registry, folder)
    device, pictures = _prepare(registry, config, display)
    known = _known_fingerprint(folder)
    if known and known != pictures.fingerprint:
        raise GanzooError(
            f"{config.values.data.name} holds other pictures than {path} was trained on; "
            "restore them, or start anew with `ganzoo run --init-from`"
        )
    loop = _loop(registry, config, display, folder, device, pictures, build_model(config, pictures.spec))
    latest = folder.latest()
    if latest is not None:
        loop.restore(latest)
    folder.write_json(folder.provenance_file, provenance(config, registry, device, pictures.fingerprint))
    return _train(registry, config, display, folder, loop)


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
    folder = RunFolder.open(path)
    config = load_config(registry, folder, settings, warn=display.warn, scoring=True)
    device = pick_device(config.values.loop.device)
    generator = load_generator(registry, path, checkpoint, device)
    return _score(registry, config, device, display, generator, config.values.metrics.mode, truncation)


def load_config(
    registry: Registry,
    folder: RunFolder,
    settings: tuple[str, ...] = (),
    *,
    scoring: bool = False,
    warn: Callable[[str], None] = lambda message: None,
) -> Config:
    """The configuration a run was started with, changed by ``settings``.

    Raises GanzooError, before anything else can fail, where a plugin is not there that the run needs; its metrics'
    are needed for ``scoring`` alone. It says where the plugin files are that the run was started with. ``warn`` is told
    of plugins in other versions.
    """
    try:
        needs = folder.needs()
        check_needs([need for need in needs if need.kind != MetricEntry.kind], registry, str(folder.path), warn)
        config = resolve(registry, None, folder.config_file, settings)
        if scoring:
            scored = [n for n in needs if n.kind == MetricEntry.kind and n.name in config.values.metrics.names]
            check_needs(scored, registry, str(folder.path))
    except GanzooError as error:
        if files := missing_plugins(registry, folder):
            raise GanzooError(f"{error}{files}") from error
        raise
    return config


def load_generator(
    registry: Registry,
    path: Path,
    checkpoint: str,
    device: torch.device,
    warn: Callable[[str], None] = lambda message: None,
) -> Generator:
    """A run's averaged generator, in evaluation mode on the device. The data need not be there."""
    folder = RunFolder.open(path)
    config = load_config(registry, folder, warn=warn)
    found = folder.checkpoint(checkpoint)
    spec = found.picture or _spec(registry, config)
    check_picture(config, spec)
    generator: Generator = load_target(config.recipe.generator.generator)(spec, config.values.generator)
    found.load_weights("ema", generator)
    return generator.to(device).to(memory_format=torch.channels_last).eval()


def _spec(registry: Registry, config: Config) -> Any:
    data = config.values.data
    return peek_spec(registry, data.name, split=data.split, size=data.size, root=data_root(data.root))


def _prepare(registry: Registry, config: Config, display: Display) -> tuple[torch.device, Pictures]:
    """Whatever can be refused is refused here, the cheapest first."""
    prepare_process()
    ranks.check_batch(config.values.loop.batch)
    device, data = pick_device(config.values.loop.device), config.values.data
    check_picture(config, _spec(registry, config))
    return device, _open(registry, config, data.split, display)


def _open(registry: Registry, config: Config, split: str, display: Display) -> Pictures:
    data = config.values.data
    opened = partial(
        open_pictures,
        registry,
        data.name,
        split=split,
        size=data.size,
        root=data_root(data.root),
        skip_bad=data.skip_bad,
        warn=display.warn,
    )
    return ranks.by_first(opened, opened)  # what one decodes, the others find


def _create(out: Path | None, config: Config) -> RunFolder:
    """One new folder for all ranks."""
    if ranks.here().rank > 0:
        return Onlooker(Path(ranks.told("")))
    folder = RunFolder.create(out, str(config.recipe), config.to_yaml())
    ranks.told(str(folder.path))
    return folder


def _kind_of_folder() -> type[RunFolder]:
    return RunFolder if ranks.here().rank == 0 else Onlooker


def _notifier(registry: Registry, display: Display) -> Callable[..., None]:
    """Of several ranks the first one calls the life-cycle hooks."""
    return partial(registry.notify, warn=display.warn, only=None if ranks.here().rank == 0 else ())


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


def _train(registry: Registry, config: Config, display: Display, folder: RunFolder, loop: Loop) -> Outcome:
    notify = _notifier(registry, display)
    notify("run_started", run=folder.path, config=config.as_dict())
    with display.running(folder, config, loop.budget), _stopping_politely(loop):
        loop.train()
        if loop.stop_requested and loop.counters.shown < loop.budget:
            return Outcome(folder, False, {})
        result = loop.finish()
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
        registry=registry,
        names=metrics.names,
        generator=generator,
        real=reference,
        fakes=metrics.fakes,
        seed=metrics.seed,
        root=data_root(config.values.data.root),
        inception=metrics.inception,
        mode=mode,
        device=device,
        truncation=truncation,
        progress=display.scoring,
    ).to_dict()


def _known_fingerprint(folder: RunFolder) -> str | None:
    try:
        return folder.provenance()["data"]["fingerprint"]
    except (TypeError, KeyError):
        return None


@contextmanager
def _stopping_politely(loop: Loop) -> Iterator[None]:
    """The first Ctrl-C ends the current iteration and leaves a checkpoint; the second ends at once.

    Of several ranks one may hear of it late; whoever started them ends what does not stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request(signum: int, frame: FrameType | None) -> None:
        if loop.stop_requested and not ranks.here().together:
            raise KeyboardInterrupt
        loop.stop_requested = True

    before = signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
