"""Everything that training changes, in one object, and its checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from ganzoo.config.schema import Config, OptimizerConfig
from ganzoo.distributed.device import placed, wants_bf16, wants_fp16
from ganzoo.distributed.random import random_stream, restore_stream
from ganzoo.distributed.sync_batchnorm import synchronise
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator, Side
from ganzoo.models.build import Model
from ganzoo.runs.changes import CHANGES
from ganzoo.runs.checkpoint import Checkpoint, write_checkpoint
from ganzoo.runs.class_names import CLASS_NAMES
from ganzoo.runs.requirements import needs_of, write_needs
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.run_path import CONFIG
from ganzoo.training.ema import Average
from ganzoo.training.optim import (
    RATES,
    LearningRate,
    load_state,
    make_optimizer,
    make_scheduler,
    scale_learning_rates,
    state_of,
    steps_and_hold,
)
from ganzoo.training.progress import Counters, read_counters
from ganzoo.training.scaling import Scaler
from ganzoo.training.stats import Statistics
from ganzoo.training.step import TrainingStep

logger = logging.getLogger(__name__)


class TrainState:
    """The networks, average, optimizers with their schedules, random state and counters of a run.

    captured: steps are replayed as CUDA graphs, so learning rates must be tensors.
    """

    def __init__(self, config: Config, model: Model, device: torch.device, *, captured: bool = False) -> None:
        self.config, self.model = config, model
        self.counters = Counters()
        self.class_names: tuple[str, ...] = ()  # noted in checkpoints
        self.changes: list[dict[str, Any]] = []  # changes of settings during training, noted in checkpoints too
        self.rng = random_stream(device, config.values.loop.batch, config.values.seed)
        for network in (model.generator, model.discriminator):
            placed(synchronise(network), device, config.values.loop.layout).train()
        if model.augmentation is not None:
            model.augmentation.to(device)
        for companion in model.companions.values():
            synchronise(companion).to(device).train()
        model.loss.to(device)
        for penalty in model.penalties:
            penalty.to(device)
        self.ema = Average(model.generator)
        both = config.values.optimizer
        self.optimizer_g = self._optimizer(model.generator, both.generator, "generator", captured)
        self.optimizer_d = self._optimizer(model.discriminator, both.discriminator, "discriminator", captured)
        self.optimizers = (self.optimizer_d, self.optimizer_g)
        self._make_schedulers()
        fp16 = wants_fp16(config.values.loop.precision, device)
        self.scalers = {side: Scaler(device) for side in ("generator", "discriminator")} if fp16 else {}
        # Only for captured steps: an optimizer that is not fused would read the tensor back to the host at each step.
        self.learning_rates = [LearningRate(optimizer, device) for optimizer in self.optimizers] if captured else []

    @property
    def generator(self) -> Generator:
        """The averaged generator, in evaluation mode, for sampling and scoring."""
        generator = self.ema.module
        assert isinstance(generator, Generator)
        return generator.eval()

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The two networks and the average, by their names in a checkpoint."""
        return {"generator": self.model.generator, "discriminator": self.model.discriminator, "ema": self.ema.module}

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """All modules with weights or buffers to save, by their names in a checkpoint."""
        model = self.model
        rules = {"loss": model.loss, **{f"penalty_{p.name.replace(':', '.')}": p.penalty for p in model.penalties}}
        others: dict[str, torch.nn.Module] = {f"step_{side}": network for side, network in model.companions.items()}
        if model.augmentation is not None:
            others["augmentation"] = model.augmentation
        return {**self.networks, **others, **{name: rule for name, rule in rules.items() if rule.state_dict()}}

    @property
    def rates(self) -> dict[str, Any]:
        """The settings that, with the counters, decide learning rates and moments.

        They replace the values in a checkpoint's optimizers' state.
        """
        values = self.config.values
        sides = {"generator": values.optimizer.generator, "discriminator": values.optimizer.discriminator}
        return {
            **{side: {name: getattr(own, name) for name in ("lr", *RATES)} for side, own in sides.items()},
            **{name: getattr(values.loop, name) for name in ("kimg", "batch", "schedule", "hold")},
        }

    def make_step(self, statistics: Statistics) -> TrainingStep:
        """Return the updates of the recipe's step, or by default one update of each network."""
        recipe, values, model = self.config.recipe, self.config.values, self.model
        cls: type[TrainingStep] = recipe.step.load() if recipe.step else TrainingStep
        return cls(
            generator=model.generator,
            discriminator=model.discriminator,
            loss=model.loss,
            generator_needs_real=recipe.loss.generator_needs_real,
            optimizer_g=self.optimizer_g,
            optimizer_d=self.optimizer_d,
            rng=self.rng,
            statistics=statistics,
            bf16=wants_bf16(values.loop.precision, statistics.device),
            clip_grad=values.loop.clip_grad,
            augmentation=model.augmentation,
            needs_outputs=bool(recipe.needs.outputs),
            accumulate=values.loop.accumulate,
            companions=model.companions,
            params=values.step if recipe.step else None,
            scalers=self.scalers,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything as one dict: each module, each optimizer, the random stream, the counters and the rates."""
        return {
            **{name: module.state_dict() for name, module in self.modules.items()},
            "optimizer_g": state_of(self.optimizer_g),
            "optimizer_d": state_of(self.optimizer_d),
            "rng": self.rng.get_state(),
            "counters": asdict(self.counters),
            **{f"scaler_{side}": scaler.state_dict() for side, scaler in self.scalers.items()},
            "rates": self.rates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what :meth:`state_dict` returned. Modules that it leaves out do not change.

        Raises LookupError, TypeError, ValueError, RuntimeError or AttributeError if it does not fit.
        """
        for name, module in self.modules.items():
            if name in state:
                module.load_state_dict(state[name])
        changed = state.get("rates") != self.rates
        load_state(self.optimizer_g, state["optimizer_g"], own_rates=changed)
        load_state(self.optimizer_d, state["optimizer_d"], own_rates=changed)
        for side, scaler in self.scalers.items():
            if (known := state.get(f"scaler_{side}")) is not None:  # a run in another precision has none
                scaler.load_state_dict(known)
        self.counters = read_counters(state["counters"])
        restore_stream(self.rng, state["rng"], self.config.values.seed, self.counters.shown)
        if changed or self.counters.rollbacks:
            self._set_learning_rates()
        self.hold_learning_rates()

    def update_learning_rates(self) -> None:
        """Move the learning rates along their schedules, counted in batches of the size that is set now."""
        settings = self.config.values.loop
        _, hold = steps_and_hold(settings)
        for scheduler in self.schedulers:
            scheduler.step_update(max(0, self.counters.shown // settings.batch - hold))
        self.hold_learning_rates()

    def hold_learning_rates(self) -> None:
        """Copy newly assigned learning rates into their tensors."""
        for learning_rate in self.learning_rates:
            learning_rate.hold()

    def save(self, directory: RunDir) -> Checkpoint:
        """Write a checkpoint into the run's directory. Raises WriteFailed if it cannot be written."""
        meta = {
            "recipe": str(self.config.recipe),
            "kimg": self.counters.shown / 1000,
            **asdict(self.counters),
            "picture": asdict(self.model.generator.image),
            **({CLASS_NAMES: list(self.class_names)} if self.class_names else {}),
            **({CHANGES: self.changes} if self.changes else {}),
            "needs": write_needs(needs_of(self.config)),
        }
        modules = self.modules
        state = {name: value for name, value in self.state_dict().items() if name not in modules}
        texts = {CONFIG: self.config.to_yaml()}
        return write_checkpoint(directory.checkpoints, meta, modules, state, texts, directory.logs())

    def restore(self, checkpoint: Checkpoint, **counters: int) -> None:
        """Load a checkpoint, except for the given counters. Raises GanzooError if it does not fit."""
        for name, module in self.modules.items():
            checkpoint.load_weights(name, module)
        state = checkpoint.load_state()
        try:
            self.load_state_dict({**state, "counters": {**state["counters"], **counters}})
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:  # torch's included
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise GanzooError(f"{checkpoint.path / 'state.pt'} does not fit this configuration: {reason}") from error

    def load_weights(self, checkpoint: Checkpoint) -> None:
        """Load only the weights of both networks and the average.

        From a published run, the generator and its average both get the average's weights.
        """
        if checkpoint.published:
            logger.info("only the generator starts from these weights; a published run has no discriminator")
            for network in (self.model.generator, self.ema.module):
                checkpoint.load_weights("ema", network)
            return
        if self.model.companions:
            logger.info("the step's own networks start anew")
        for name, network in self.networks.items():
            checkpoint.load_weights(name, network)

    def _optimizer(
        self, network: torch.nn.Module, settings: OptimizerConfig, side: Side, captured: bool
    ) -> torch.optim.Optimizer:
        entry, companion = self.config.optimizers.get(settings.name), self.model.companions.get(side)
        return make_optimizer(network, settings, entry, companion=companion, capturable=captured)

    def _make_schedulers(self) -> None:
        settings = self.config.values.loop
        self.schedulers = [made for optimizer in self.optimizers if (made := make_scheduler(optimizer, settings))]

    def _set_learning_rates(self) -> None:
        """Set the optimizers' own learning rates; each rollback has halved them for the rest of the run."""
        for optimizer in self.optimizers:
            scale_learning_rates(optimizer, 0.5**self.counters.rollbacks)
        self._make_schedulers()
        self.update_learning_rates()
