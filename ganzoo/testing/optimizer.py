"""What every optimizer must do."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import torch
from torch import nn

from ganzoo.drawing import seeded
from ganzoo.entries import ImageSpec, OptimizerEntry
from ganzoo.testing.probe import global_seed, global_state_watched, weights_of
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import Trained, trains
from ganzoo.testing.training import capture_safe as replayed
from ganzoo.testing.verdict import Failure, Skipped, expect
from ganzoo.training.optim import load_state, make_optimizer, scale_learning_rates, state_of

STEPS = 3


class OptimizerPart(Trained):
    """An optimizer with the settings of an ordinary run, for both stand-in networks."""

    def __init__(self, entry: OptimizerEntry, rig: Rig) -> None:
        self.entry = entry
        own = [f"optimizer.{side}.name={entry.name}" for side in ("generator", "discriminator")]
        super().__init__(rig, f"{NAME}+{NAME}", ImageSpec(1, 8), own=own, prefixes=("optimizer.",))

    def make(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return an optimizer of a network's weights."""
        return make_optimizer(network, self.config.values.optimizer.generator, self.entry)


def network() -> nn.Module:
    """Return a small network with the same weights each time."""
    with global_seed(0):
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int = 0, steps: int = STEPS) -> list[float]:
    """Train a model to predict the sum of its inputs. Return its loss before each step and at the end."""
    inputs, losses = torch.randn(16, 4, generator=seeded(seed)), []
    for step in range(steps + 1):
        optimizer.zero_grad(set_to_none=True)
        loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        losses.append(loss.item())
        if step < steps:
            loss.backward()
            optimizer.step()
    return losses


def interface(part: OptimizerPart) -> None:
    """Check that the target makes a torch.optim.Optimizer of all parameters, with learning rates that follow lr."""
    model = network()
    made = part.make(model)
    held = {id(p) for group in made.param_groups for p in group["params"]}
    expect(held == {id(p) for p in model.parameters()}, "its param_groups do not hold all parameters that it was given")
    settings = part.config.values.optimizer.generator
    doubled = make_optimizer(model, replace(settings, lr=2 * settings.lr), part.entry)
    for once, twice in zip(made.param_groups, doubled.param_groups, strict=True):
        expect(
            math.isclose(twice["lr"], 2 * once["lr"], rel_tol=1e-6),
            f"its learning rate is {once['lr']:g} for lr={settings.lr:g} and {twice['lr']:g} for twice that; take lr",
        )


def updates(part: OptimizerPart) -> None:
    """Check that a few steps change every parameter tensor, keep the weights finite and lower the loss."""
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    first, *_, last = train(model, part.make(model))
    for (name, parameter), old in zip(model.named_parameters(), before, strict=True):
        expect(parameter.isfinite().all(), f"{name} is not finite after {STEPS} steps")
        expect(not torch.equal(parameter, old), f"{STEPS} steps leave {name} as it was")
    problem = f"{STEPS} steps of a regression do not lower its loss: {first:.6g}, then {last:.6g}"
    expect(last < first, f"{problem}; step against the gradient")


def learning_rate(part: OptimizerPart) -> None:
    """Check that each step reads the learning rate from param_groups: with 0 no weight changes."""
    model = network()
    made = part.make(model)
    train(model, made)
    before = weights_of(model)
    scale_learning_rates(made, 0.0)
    train(model, made)
    expect(
        torch.equal(weights_of(model), before),
        "weights move though the learning rate was set to 0; read group['lr'] at each step, as a schedule sets it",
    )


def save_and_load(part: OptimizerPart) -> None:
    """Check that an optimizer that loads the saved state of another takes the same steps."""
    model, other = network(), network()
    one, two = part.make(model), part.make(other)
    train(model, one)
    file = io.BytesIO()
    torch.save(state_of(one), file)
    file.seek(0)
    other.load_state_dict(model.state_dict())
    try:
        state = torch.load(file, weights_only=True)
    except Exception as error:
        raise Failure("its state_dict holds more than tensors, numbers, texts and containers of them") from error
    load_state(two, state)
    train(model, one, seed=1)
    train(other, two, seed=1)
    expect(
        torch.equal(weights_of(model), weights_of(other)),
        "after saving and loading it takes other steps; keep all that changes in self.state, which state_dict saves",
    )


def global_random_state(part: OptimizerPart) -> None:
    """Check that the optimizer does not draw from, or seed, a global random state, which differs between devices."""
    model = network()
    with global_state_watched("the optimizer"):
        train(model, part.make(model))


def capture_safe(part: OptimizerPart) -> None:
    """Check that steps read no value back to the host, and that their replay gives the weights of eager steps.

    Raises Skipped if the entry does not say captured=True.
    """
    if not part.entry.captured:
        raise Skipped("its entry does not say captured=True, so steps run eagerly")
    replayed(part)


CHECKS = (
    interface,
    updates,
    learning_rate,
    save_and_load,
    global_random_state,
    capture_safe,
    trains,
)
