"""From a configuration to a finished run: the one place that connects data, model, loop and score."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ganzoo.config.schema import Config
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.data.loader import Feed
from ganzoo.data.usage import Usage
from ganzoo.distributed import collectives
from ganzoo.distributed.device import pick_device, prepare_process, threads, use_threads
from ganzoo.distributed.launch import launch_id
from ganzoo.drawing import takes_labels
from ganzoo.errors import GanzooError, NetworkMissing, WriteFailed
from ganzoo.interfaces import Generator
from ganzoo.metrics.configured import check_configured, score_configured
from ganzoo.metrics.labels import check_labels
from ganzoo.metrics.scored_against import open_reference
from ganzoo.models.build import Model, build_model, check_image
from ganzoo.runs.changes import CHANGES
from ganzoo.runs.checkpoint import read_checkpoint
from ganzoo.runs.class_names import CLASS_NAMES
from ganzoo.runs.images_used import say_usage
from ganzoo.runs.plugin_copies import check_plugins, keep_plugins
from ganzoo.runs.provenance import fingerprint_of, provenance
from ganzoo.runs.reproduce import INIT_FROM
from ganzoo.runs.revision import Revision
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.shared_dir import alone_in_run, open_run, reserved_run
from ganzoo.training.calibration import CALIBRATED, calibrate
from ganzoo.training.callbacks import Audience, Callback, audience
from ganzoo.training.loop import Loop
from ganzoo.utils.files import data_root
from ganzoo.utils.signals import INTERRUPTED, Stop, Stopped, heeding_signals

logger = logging.getLogger(__name__)
LAUNCH = "launch"  # in the provenance: the launch of several processes that began the run


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    finished: whether the run reached its budget. score: empty if there is none. code: the exit code after a stop.
    """

    directory: RunDir
    finished: bool
    score: Mapping[str, Any]
    code: int = 0


def start(
    config: Config,
    *callbacks: Callback,
    out: Path | None = None,
    init_from: Path | None = None,
    heed_signals: bool = True,
) -> Outcome:
    """Train from the beginning, or from another run's weights. Raises GanzooError for errors that the user can fix.

    After ``torchrun`` has restarted the ranks because one died, it resumes the run that it had begun.
    """
    if collectives.restarted() and (begun := RunDir.begun(out, str(config.recipe), config.to_yaml(), _launch())):
        return resume(config, begun.path, *callbacks, heed_signals=heed_signals)
    with _watched(callbacks, heed_signals) as (watched, stop):
        if config.values.metrics.names:
            check_configured(config)  # a metric that cannot run should fail now, not after training
        source = RunDir.open(init_from).checkpoint("latest") if init_from else None
        device, images = _prepare(config)
        config, measured = calibrate(config, images.spec, device)
        use_threads(config.values.loop.threads)
        model = build_model(config, images.spec)
        if config.values.metrics.names and config.scoring.reference is not None:
            root = data_root(config.values.data.root)
            collectives.by_first(partial(open_reference, config, images.spec, root))  # fails now too
        check_labels(
            config.scoring.metrics, images.name if images.labels is None else "", takes_labels(model.generator)
        )
        usage = say_usage(config, images, model)
        with reserved_run(out, str(config.recipe)) as directory, alone_in_run(directory.path):
            directory.check_unbegun()
            loop = _loop(config, watched, directory, device, images, model)
            origin = {**_origin(config, device, images, usage), **measured, **_launch()}
            loop.state.class_names = images.class_names
            if source is not None:
                loop.state.load_weights(source)
                origin[INIT_FROM] = str(source.path.absolute())
            directory.note_provenance(origin)
            if collectives.first():
                keep_plugins(config, directory)
            directory.begin(config.to_yaml())
            return _train(loop, watched, stop)


def resume(config: Config | Revision, path: Path, *callbacks: Callback, heed_signals: bool = True) -> Outcome:
    """Continue from the newest good checkpoint; a finished run is only scored.

    config: the run's own, from :func:`ganzoo.runs.load.load_config`, for an exact continuation; or another one with its
    differences, from :func:`ganzoo.runs.load.revise`.

    Raises GanzooError if the run was published without its training state, or its images or plugin files have changed;
    otherwise as :func:`start` does.
    """
    directory = open_run(path)
    if (latest := directory.latest()) is not None and latest.published:
        raise GanzooError(
            f"{path} holds only an averaged generator and cannot be resumed; start a run from it with "
            "`ganzoo run RECIPE --init-from`"
        )
    revision = config if isinstance(config, Revision) else Revision(config)
    config = revision.config
    with _watched(callbacks, heed_signals) as (watched, stop), alone_in_run(path):
        check_plugins(config, directory)
        if revision.scored_anew and config.values.metrics.names:
            check_configured(config)
        device, images = _prepare(config)
        known = directory.provenance()
        if not known:
            logger.warning(f"{directory.provenance_file} is damaged or missing; it is written again")
        if fingerprint_of(known) not in (None, images.fingerprint):
            raise GanzooError(
                f"{config.values.data.name} holds other images or labels than {path} was trained on; restore them, "
                f"give their location with `ganzoo resume {path} data.name=NAME:PATH`, or start again with "
                "`ganzoo run --init-from`"
            )
        model = build_model(config, images.spec)
        usage = say_usage(config, images, model)
        loop = _loop(config, watched, directory, device, images, model)
        loop.scored_anew = revision.scored_anew
        origin = _origin(config, device, images, usage)
        loop.state.class_names = images.class_names
        origin |= {key: known[key] for key in (INIT_FROM, CALIBRATED, LAUNCH) if key in known}
        newest = directory.newest_good()
        revision.check_budget(newest, path)
        collectives.wait()  # all ranks must have read the directory before the first one changes it
        if newest is not None:
            directory.set_aside_newer(newest)
            loop.restore(newest)
        else:
            directory.rewind(None)
            if INIT_FROM in known:
                loop.state.load_weights(read_checkpoint(Path(str(known[INIT_FROM]))))
        if noted := revision.note(known, newest, loop.counters.shown / 1000):
            loop.state.changes = origin[CHANGES] = noted
        directory.note_provenance(origin)
        if revision.rewrite:
            directory.begin(config.to_yaml())
        return _train(loop, watched, stop)


def _launch() -> dict[str, str]:
    """Return what the provenance records about the launch of several processes; {} if there is nothing to record."""
    return {LAUNCH: found} if (found := launch_id()) else {}


@contextmanager
def _watched(callbacks: Sequence[Callback], heed: bool) -> Iterator[tuple[Audience, Stop]]:
    """Yield the audience of the run in the block and its :class:`Stop`, which handles signals if ``heed``."""
    with (
        threads(),
        audience(callbacks, tell_interrupts=not heed) as watched,
        heeding_signals(collectives.here().together, heed) as stop,
    ):
        yield watched, stop


def _prepare(config: Config) -> tuple[torch.device, Images]:
    """Validate the inputs, cheapest checks first, and return the device and the opened data."""
    prepare_process()
    use_threads(config.values.loop.threads)
    collectives.check_batch(config.values.loop.batch, config.values.loop.accumulate)
    device = pick_device(config.values.loop.device)
    check_image(config, peek_configured(config))
    images = collectives.by_first(partial(open_configured, config))  # the other ranks find what the first one decoded
    check_image(config, images.spec)  # peeking looks at only some images of a large set
    return device, images


def _origin(config: Config, device: torch.device, images: Images, usage: Usage) -> dict[str, Any]:
    """Return what the run's directory records about software, machine and data."""
    origin = provenance(config, device, images.fingerprint)
    names = {CLASS_NAMES: list(images.class_names)} if images.class_names else {}
    return {**origin, "data": {**origin["data"], **names, **usage.as_dict()}}


def _loop(
    config: Config, watched: Audience, directory: RunDir, device: torch.device, images: Images, model: Model
) -> Loop:
    values = config.values
    feed = Feed(images, values.loop.batch, values.seed, device, values.data.mirror)
    scoring = partial(_score_or_say_why, config, device, watched, images.fingerprint)
    return Loop(config, model, feed, directory, device, watched.listeners, scoring)


def _train(loop: Loop, watched: Audience, stop: Stop) -> Outcome:
    directory = loop.directory
    stop.loop = loop
    watched.start(directory.path, loop.config.as_dict())
    try:
        loop.train()
        if collectives.agreed(loop.stop_requested):
            raise Stopped(stop.code or INTERRUPTED)
        watched.score = loop.finish()
    except Stopped as stopped:
        last = Stopped(stop.code or stopped.code)  # a second signal may have come since
        watched.stopped = last.reason
        return Outcome(directory, False, {}, last.code)
    except WriteFailed as error:
        raise GanzooError(f"{error}; fix this, then continue with `ganzoo resume {directory.path}`") from error
    finally:
        loop.feed.close()
        loop.steps.forget()  # a graph that is alive would keep NCCL from ending
    return Outcome(directory, True, watched.score)


def _score_or_say_why(
    config: Config, device: torch.device, watched: Audience, trained_on: str, generator: Generator, mode: str
) -> dict[str, Any]:
    try:
        found = score_configured(config, generator, device, mode=mode, progress=watched.scoring, trained_on=trained_on)
        return found.to_dict() if found.values else {}
    except NetworkMissing as error:
        logger.warning(f"not scored: {error}")
        return {}
