"""The training loop.

Progress is counted in real images shown to the discriminator. Data order, learning rate, EMA decay and due penalties
are functions of the counters, so a checkpoint holds only weights, optimizers, counters and one random state.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import Any

import torch

from ganzoo.config.schema import Config
from ganzoo.data.arrival import images_arrived
from ganzoo.data.loader import Feed
from ganzoo.distributed import collectives
from ganzoo.distributed.device import missing_operators_named
from ganzoo.errors import GanzooError, TrainingFailed
from ganzoo.interfaces import Generator
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.models.build import Model
from ganzoo.runs.checkpoint import Checkpoint, prune_checkpoints
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.scores import known_score, record_score
from ganzoo.training.anomalies import Fault, Watch, untried
from ganzoo.training.callbacks import Callback
from ganzoo.training.cuda_graph import CudaCapture, Steps, can_capture
from ganzoo.training.ema import decay_per_step
from ganzoo.training.progress import Counters, Marks
from ganzoo.training.snapshots import has_images, real_images, take_images
from ganzoo.training.state import TrainState
from ganzoo.training.stats import Statistics
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.signals import INTERRUPTED, Stopped

logger = logging.getLogger(__name__)


class Loop:
    """The training of one model in one run's directory.

    score: returns the values and the protocol of a score, ``score(generator, mode)``.
    """

    def __init__(
        self,
        config: Config,
        model: Model,
        feed: Feed,
        directory: RunDir,
        device: torch.device,
        callbacks: Sequence[Callback] = (),
        score: Callable[[Generator, str], dict[str, Any]] = lambda generator, mode: {},
    ) -> None:
        self.config, self.settings, self.model = config, config.values.loop, model
        self.feed, self.directory, self.device = feed, directory, device
        self.callbacks, self.score = callbacks, score
        self.steps_per_generator_step = config.discriminator_steps
        # For the first rank, which takes the snapshots; read now, so that no snapshot waits for a server.
        self.real = real_images(feed, config.values.seed) if collectives.first() else None
        self.stop_requested = self.all_saved = False
        self.scored_anew = False  # whether to score the last checkpoint even if its score is known
        self.missing_images = ""  # why images cannot be loaded
        self.watch, self.faults = Watch(clipped=self.settings.clip_grad is not None), list[str]()
        captured = can_capture(config, device)
        self.state = TrainState(config, model, device, captured=captured)
        self.steps = Steps(CudaCapture(device, self.state.rng) if captured else None)
        self.statistics = Statistics(device, config.recipe.loss.zero_is_border)
        self.step = self.state.make_step(self.statistics)

    @property
    def counters(self) -> Counters:
        """The images shown, steps of each network, seconds and rollbacks."""
        return self.state.counters

    @missing_operators_named()
    def train(self) -> None:
        """Train to the budget or until ``stop_requested``, then save a checkpoint.

        Raises TrainingFailed if :mod:`ganzoo.training.anomalies` finds a fault that allows no rollback. Raises
        GanzooError if images of a streamed set cannot be loaded, after saving a checkpoint.
        """
        collectives.equalise(self.state.modules.values())
        # Every rank looks before the first one writes the checkpoint on which the answer depends.
        latest = self.directory.latest()
        if collectives.agreed(latest is None):
            self._snapshot()
        elif collectives.agreed(not has_images(self.directory, self._latest())):  # stopped before its images were taken
            collectives.by_first(lambda: self._show(self._latest()), lambda: None)
        while True:
            try:
                return self._train_on()
            except Fault as fault:
                self.roll_back(fault)

    def restore(self, checkpoint: Checkpoint, **counters: int) -> None:
        """Continue from a checkpoint, except for the given counters. Raises GanzooError if it does not fit."""
        self.state.restore(checkpoint, **counters)
        self.feed.vary(self.counters.rollbacks)
        self.statistics.step.fill_(self.counters.steps_d)
        self.directory.rewind(checkpoint)
        collectives.wait()
        self.watch = Watch(read_jsonl(self.directory.log_file), self.settings.clip_grad is not None)

    def roll_back(self, fault: Fault) -> None:
        """Go back to the newest good checkpoint, to continue with another data order and half the learning rate.

        Raises TrainingFailed if there is none, or ``loop.on_nan`` or ``loop.max_rollbacks`` forbids it.
        """
        settings, counters = self.settings, self.counters
        good = self.directory.newest_good()
        if good is None or settings.on_nan == "stop" or counters.rollbacks >= settings.max_rollbacks:
            recipe, advice = str(self.config.recipe), fault.advice or untried(settings)
            raise TrainingFailed(str(fault), recipe, good.path if good else None, counters.rollbacks, advice)
        # The restored log lacks the records since that checkpoint, which may name earlier faults.
        dropped = [one for one in read_jsonl(self.directory.log_file) if one.get("shown", 0) > good.meta["shown"]]
        self.faults = [*chain.from_iterable(one.get("faults", []) for one in dropped), *self.faults]
        collectives.wait()  # all ranks must have read the directory before the first one changes it
        self.directory.set_aside_newer(good)
        self.restore(good, rollbacks=counters.rollbacks + 1)
        self.counters.seconds = counters.seconds
        self.steps.forget()
        # A kill before the next checkpoint must not undo the rollback.
        collectives.by_first(partial(self.state.save, self.directory), self._latest)
        learning_rates = f"learning rate x{0.5**self.counters.rollbacks:g}, another data order"
        count = f"rollback {self.counters.rollbacks} of {settings.max_rollbacks}"
        said = f"{fault}; {count}: back to {good.path.name}, {learning_rates}"
        self.faults.append(said)
        logger.warning(said)

    def _train_on(self) -> None:
        counters, settings = self.counters, self.settings
        logged = Marks(settings.log_kimg, counters.shown)
        metrics = self.config.values.metrics
        between = metrics.every_kimg or (settings.kimg / metrics.times if metrics.times > 1 else math.inf)
        snapshots = Marks(settings.snapshot_kimg or min(settings.kimg / 10, between), counters.shown)
        scores = Marks(between, self.directory.last_scored())
        if scores.passed(counters.shown) and counters.shown < self.settings.images:  # stopped before this score
            self._score(self._latest(), metrics.mode_between)
        since, since_shown = time.perf_counter(), counters.shown
        stop = self._stops()
        while counters.shown < self.settings.images and not stop:
            here, self.missing_images = images_arrived(
                self.feed, counters.shown, self.steps_per_generator_step, lambda: self.stop_requested
            )
            if here:
                self.iteration()
            stop = self._stops()
            for callback in self.callbacks:
                callback.progress(counters.shown)
            snapshot = snapshots.passed(counters.shown)
            due = logged.passed(counters.shown) or snapshot or counters.shown >= self.settings.images or stop
            if due and counters.shown > since_shown:
                # Reading waits for the device. Before it, the clock would only show how long queueing the steps took.
                means, not_finite = self.statistics.read()
                spent = time.perf_counter() - since
                counters.seconds += spent
                self._log((counters.shown - since_shown) / spent, means, not_finite)
                if snapshot and counters.shown < self.settings.images:
                    checkpoint = self._snapshot()
                    stop = self._stops()
                    if not stop and scores.passed(counters.shown):
                        self._score(checkpoint, metrics.mode_between)
                since, since_shown = time.perf_counter(), counters.shown
        self._save()
        if self.missing_images:
            raise GanzooError(self.missing_images)

    def _stops(self) -> bool:
        """Return whether training ends here on all ranks: on request, or because images cannot be loaded."""
        return collectives.agreed(self.stop_requested or bool(self.missing_images))

    def _save(self) -> None:
        """Save a checkpoint unless the newest one is current."""
        if collectives.agreed(self._latest().meta["shown"] < self.counters.shown):
            self._snapshot()

    def iteration(self) -> None:
        """Take the discriminator's steps, then one step of the generator and of its average."""
        counters, both = self.counters, not self.settings.fresh_fakes
        self.step.progress.fill_(counters.shown / self.settings.images)
        for left in reversed(range(self.steps_per_generator_step)):
            self.feed.seek(counters.shown)
            due = self._due("discriminator", counters.steps_d)
            counters.shown += self.settings.batch
            counters.steps_d += 1
            if left or not both:
                self.steps.run(_kind("discriminator", due), partial(self._discriminator_step, due))
        self.state.ema.set_decay(self._ema_decay())
        due_g = self._due("generator", counters.steps_g)
        counters.steps_g += 1
        if both:
            kind = f"{_kind('discriminator', due)} and {_kind('generator', due_g)}"
            self.steps.run(kind, partial(self._both_steps, due, due_g))
        else:
            self.steps.run(_kind("generator", due_g), partial(self._generator_step, due_g))
        self.state.update_learning_rates()

    def _discriminator_step(self, due: list[ScheduledPenalty]) -> None:
        self.step.update_discriminator(*self.feed.read(), due)
        self.statistics.step += 1

    def _generator_step(self, due: list[ScheduledPenalty]) -> None:
        self.step.update_generator(*self.feed.read(), due)
        self.state.ema.update(self.model.generator)

    def _both_steps(self, due: list[ScheduledPenalty], due_g: list[ScheduledPenalty]) -> None:
        self.step.update_both(*self.feed.read(), due, due_g)
        self.state.ema.update(self.model.generator)
        self.statistics.step += 1

    def _due(self, network: str, step: int) -> list[ScheduledPenalty]:
        return [p for p in self.model.penalties if p.network in (network, "both") and p.due(step)]

    def _ema_decay(self) -> float:
        per_step = self.settings.batch * self.steps_per_generator_step
        return decay_per_step(self.config.values.ema, self.counters.shown, per_step)

    def _log(self, speed: float, means: dict[str, float], not_finite: dict[str, int]) -> None:
        counters = self.counters
        skipped = {f"skipped_{side}": int(scaler.skipped) for side, scaler in self.state.scalers.items()}
        means = {**means, **skipped}
        self.watch.judge(means, not_finite, counters.steps_d)
        record = {
            "kimg": counters.shown / 1000,
            **asdict(counters),
            "pictures_per_second": speed,
            "lr_discriminator": float(self.state.optimizer_d.param_groups[0]["lr"]),
            "lr_generator": float(self.state.optimizer_g.param_groups[0]["lr"]),
            **means,
            **({"faults": self.faults} if self.faults else {}),
        }
        self.faults = []
        self.directory.append(self.directory.log_file, record)
        for callback in self.callbacks:
            callback.interval_logged(self.directory.path, record)

    def _snapshot(self) -> Checkpoint:
        """Return a new checkpoint, with a grid from latents that never change; the first rank writes both."""
        return collectives.by_first(self._write_snapshot, self._latest)

    def _write_snapshot(self) -> Checkpoint:
        checkpoint = self.state.save(self.directory)
        self._show(checkpoint)
        return checkpoint

    def _show(self, checkpoint: Checkpoint) -> None:
        """Take a written checkpoint's snapshot, prune older checkpoints and call the callbacks."""
        discriminator = self.model.discriminator
        assert self.real is not None
        image = take_images(self.directory, checkpoint, self.state.generator, discriminator, self.real, self.config)
        prune_checkpoints(self.directory.checkpoints, self.settings.keep, self.directory.best())
        for callback in self.callbacks:
            callback.snapshot_taken(self.directory.path, checkpoint.kimg, image)
        for callback in self.callbacks:
            callback.checkpoint_written(self.directory.path, checkpoint.path, checkpoint.kimg)

    @missing_operators_named()
    def finish(self) -> dict[str, Any]:
        """Return the last checkpoint's score; empty if no metric is configured or a metric's network is missing."""
        return self._score(self._latest(), self.config.values.metrics.mode)

    def _latest(self) -> Checkpoint:
        latest = self.directory.latest()
        assert latest is not None
        return latest

    def _score(self, checkpoint: Checkpoint, mode: str) -> dict[str, Any]:
        """Return a checkpoint's score and record it.

        A checkpoint that was scored before a stop is scored again only if its score was computed with other settings.
        """
        known = {} if self.scored_anew else known_score(self.directory, checkpoint, self.config.values.metrics, mode)
        self.all_saved = True
        if self.stop_requested:  # by a signal just before all_saved was set; from there on the handler itself raises
            raise Stopped(INTERRUPTED)
        result = known or self.score(self.state.generator, mode)
        self.all_saved = False
        if new := bool(result) and not known:
            record_score(self.directory, checkpoint, self.config.values.metrics, mode, result)
        self.directory.write_json(self.directory.score_file, result)
        for callback in self.callbacks if new else ():
            callback.scored(self.directory.path, checkpoint.kimg, result)
        return result


def _kind(network: str, due: list[ScheduledPenalty]) -> str:
    return " with ".join([f"the {network}'s step", *(penalty.name for penalty in due)])
