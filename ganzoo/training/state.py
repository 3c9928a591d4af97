"""What a checkpoint holds of a loop: written, and taken back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from ganzoo.distributed import collectives
from ganzoo.distributed.random import restore_stream
from ganzoo.errors import GanzooError
from ganzoo.runs.checkpoint import Checkpoint, write_checkpoint
from ganzoo.runs.requirements import write_needs
from ganzoo.runs.run_dir import CONFIG
from ganzoo.training.anomalies import Watch
from ganzoo.training.optim import load_state, make_scheduler, set_rate, state_of
from ganzoo.training.progress import read_counters
from ganzoo.utils.files import read_jsonl

if TYPE_CHECKING:
    from ganzoo.training.loop import Loop


def modules(loop: Loop) -> dict[str, torch.nn.Module]:
    """All that a checkpoint holds the weights or buffers of."""
    augmentation = loop.model.augmentation
    return {**_networks(loop), **({"augmentation": augmentation} if augmentation is not None else {})}


def save(loop: Loop) -> Checkpoint:
    """Write a checkpoint of the loop as it stands."""
    meta = {
        "recipe": str(loop.config.recipe),
        "kimg": loop.counters.shown / 1000,
        **asdict(loop.counters),
        "picture": asdict(loop.model.generator.picture),
        "needs": write_needs(loop.needs),
    }
    state = {
        "optimizer_g": state_of(loop.optimizer_g),
        "optimizer_d": state_of(loop.optimizer_d),
        "rng": loop.rng.get_state(),
        "counters": asdict(loop.counters),
    }
    texts = {CONFIG: loop.config.to_yaml()}
    return write_checkpoint(loop.folder.checkpoints, meta, modules(loop), state, texts, loop.folder.logs())


def restore(loop: Loop, checkpoint: Checkpoint, **counters: int) -> None:
    """Go on from a checkpoint of this configuration, but for some counters. Raises GanzooError: it does not fit."""
    for name, module in modules(loop).items():
        checkpoint.load_weights(name, module)
    state = checkpoint.load_state()
    try:
        load_state(loop.optimizer_g, state["optimizer_g"])
        load_state(loop.optimizer_d, state["optimizer_d"])
        loop.counters = read_counters({**state["counters"], **counters})
        restore_stream(loop.rng, state["rng"], loop.config.values.seed, loop.counters.shown)
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:  # torch's own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise GanzooError(f"{checkpoint.path / 'state.pt'} does not fit this configuration: {reason}") from error
    _vary(loop)
    for rate in loop.rates:
        rate.hold()
    loop.statistics.step.fill_(loop.counters.steps_d)
    loop.folder.rewind(checkpoint, loop.warn)
    collectives.wait()
    loop.watch = Watch(read_jsonl(loop.folder.log_file))


def load_weights(loop: Loop, checkpoint: Checkpoint) -> None:
    """Take the two networks' weights and the average, nothing else."""
    for name, network in _networks(loop).items():
        checkpoint.load_weights(name, network)


def _networks(loop: Loop) -> dict[str, torch.nn.Module]:
    return {"generator": loop.model.generator, "discriminator": loop.model.discriminator, "ema": loop.ema.module}


def _vary(loop: Loop) -> None:
    """What rollbacks change for good: the order of the data, and the learning rates, halved by each."""
    loop.feed.vary(loop.counters.rollbacks)
    if not loop.counters.rollbacks:
        return
    both, share = loop.config.values.optimizer, 0.5**loop.counters.rollbacks
    optimizers = {loop.optimizer_d: both.discriminator, loop.optimizer_g: both.generator}
    for optimizer, config in optimizers.items():
        set_rate(optimizer, config.lr * share)
    loop.schedulers = [made for optimizer in optimizers if (made := make_scheduler(optimizer, loop.settings))]
    for scheduler in loop.schedulers:
        scheduler.step_update(loop.counters.steps_d)
