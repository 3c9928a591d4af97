"""The check that training resumes exactly from a checkpoint; a failure names the state that is lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.testing.training import Trainable, same
from ganzoo.testing.verdict import Failure
from ganzoo.training.loop import Loop

BEFORE, AFTER = 3, 3  # iterations before and after the checkpoint
STEPS_OWN = ("progress",)  # the loop sets it before each step
OF_EVERY_MODULE = {*vars(nn.Module()), "training"}


def resumes(part: Trainable) -> None:
    """Check that training resumed from a checkpoint gives, bit for bit, the weights of an uninterrupted run."""
    going_on = part.loop()
    _train(going_on, BEFORE)
    file = io.BytesIO()
    torch.save(going_on.state.state_dict(), file)
    kept = dict(_attributes(going_on))
    _train(going_on, AFTER)
    file.seek(0)
    resumed = part.loop()
    resumed.state.load_state_dict(torch.load(file, weights_only=True))
    resumed.statistics.step.fill_(resumed.counters.steps_d)
    begun = dict(_attributes(resumed))
    lost = [name for name, value in kept.items() if name not in begun or begun[name] != value]
    _train(resumed, AFTER)
    other = [
        f"{title}.{name}"
        for title, module in going_on.state.modules.items()
        for name, value in module.state_dict().items()
        if not same(value, resumed.state.modules[title].state_dict()[name])
    ]
    if other and lost:
        raise Failure(
            f"a resumed run gives other weights, since these are not buffers: {', '.join(lost)}; "
            "register each with register_buffer and change it in place"
        )
    if other:
        raise Failure(
            f"a resumed run trains other weights ({other[0]}); keep all that changes from step to step in buffers, "
            "or in the state of an optimizer"
        )


def _train(loop: Loop, iterations: int) -> None:
    for _ in range(iterations):
        loop.iteration()


def parts_of(loop: Loop) -> Iterator[tuple[str, nn.Module]]:
    """Yield the networks, the loss, the penalties and the augmentation of a loop with their titles."""
    model = loop.model
    yield "the generator", model.generator
    yield "the discriminator", model.discriminator
    yield "the loss", model.loss
    for scheduled in model.penalties:
        yield f"the penalty {scheduled.name}", scheduled.penalty
    if model.augmentation is not None:
        yield "the augmentation", model.augmentation
    for side, network in model.companions.items():
        yield f"the {side}'s companion", network


def _attributes(loop: Loop) -> Iterator[tuple[str, Any]]:
    """Yield the names and comparable values of numbers and tensors that parts keep outside parameters and buffers."""
    for title, part in parts_of(loop):
        for prefix, module in part.named_modules():
            for name, value in vars(module).items():
                if name not in OF_EVERY_MODULE and (content := _content(value)) is not None:
                    yield f"{title}'s {f'{prefix}.' if prefix else ''}{name}", content
    for name, value in vars(loop.step).items():
        if name not in STEPS_OWN and (content := _content(value)) is not None:
            yield f"the step's {name}", content
    for side, optimizer in (("generator", loop.state.optimizer_g), ("discriminator", loop.state.optimizer_d)):
        for name, value in vars(optimizer).items():
            if name not in ("state", "param_groups", "defaults") and (content := _content(value)) is not None:
                yield f"the {side}'s optimizer's {name}", content


def _content(value: Any) -> Any:
    """Return a number, a tensor or a container of them as plain values; None for any other type."""
    if isinstance(value, (Tensor, np.ndarray)):
        array = value.detach().contiguous().view(-1).numpy() if isinstance(value, Tensor) else value
        return tuple(value.shape), array.tobytes()
    if isinstance(value, (bool, int, float, complex)):
        return repr(value)
    if isinstance(value, dict):
        return tuple((str(key), _content(kept)) for key, kept in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(_content(kept) for kept in value)
    return None


__all__ = ["resumes"]
