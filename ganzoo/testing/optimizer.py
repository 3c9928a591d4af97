"""What every optimizer must do."""

from __future__ import annotations

import io

import torch
from torch import nn

from ganzoo.entries import ImageSpec, OptimizerEntry
from ganzoo.testing.probe import global_seed, global_state_watched, seeded, weights_of
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import Trained, trains
from ganzoo.testing.training import capture_safe as replayed
from ganzoo.testing.verdict import Failure, Skipped, expect
from ganzoo.training.optim import load_state, make_optimizer, set_learning_rate, state_of

STEPS = 3


class OptimizerPart(Trained):
    """An optimizer with the settings of an ordinary run, for both of the stand-in networks."""

    def __init__(self, entry: OptimizerEntry, rig: Rig) -> None:
        self.entry = entry
        own = [f"optimizer.{side}.name={entry.name}" for side in ("generator", "discriminator")]
        super().__init__(rig, f"{NAME}+{NAME}", ImageSpec(1, 8), own=own, prefixes=("optimizer.",))

    def make(self, network: nn.Module) -> torch.optim.Optimizer:
        """One for a network's weights."""
        return make_optimizer(network, self.config.values.optimizer.generator, self.entry)


def network() -> nn.Module:
    """A small one, the same each time."""
    with global_seed(0):
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int = 0, steps: int = STEPS) -> None:
    """Steps towards a fixed answer."""
    inputs = torch.randn(16, 4, generator=seeded(seed))
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        (model(inputs) - inputs.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()


def interface(part: OptimizerPart) -> None:
    """The target makes a torch.optim.Optimizer of all parameters, with the learning rate that was asked for."""
    model = network()
    made = part.make(model)
    held = {id(p) for group in made.param_groups for p in group["params"]}
    expect(held == {id(p) for p in model.parameters()}, "its param_groups do not hold all parameters that it was given")
    lr = part.config.values.optimizer.generator.lr
    for group in made.param_groups:
        expect("lr" in group, "its param_groups have no 'lr', which schedules and rollbacks set")
        expect(
            float(group["lr"]) == lr, f"its learning rate is {float(group['lr']):g}, but {lr:g} was asked for; take lr"
        )


def updates(part: OptimizerPart) -> None:
    """A step changes every weight that has a gradient; all stay finite."""
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    train(model, part.make(model))
    for (name, parameter), old in zip(model.named_parameters(), before, strict=True):
        expect(parameter.isfinite().all(), f"{name} is not finite after {STEPS} steps")
        expect(not torch.equal(parameter, old), f"{STEPS} steps leave {name} as it was")


def learning_rate(part: OptimizerPart) -> None:
    """It reads the learning rate of its param_groups at each step: with 0 no weight moves."""
    model = network()
    made = part.make(model)
    train(model, made)
    before = weights_of(model)
    set_learning_rate(made, 0.0)
    train(model, made)
    expect(
        torch.equal(weights_of(model), before),
        "weights move though the learning rate was set to 0; read group['lr'] at each step, as a schedule sets it",
    )


def save_and_load(part: OptimizerPart) -> None:
    """Its state goes through a file into another one, which then takes the same steps."""
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
    """Nothing draws from, or seeds, a global random state, which is another one on each device."""
    model = network()
    with global_state_watched("the optimizer"):
        train(model, part.make(model))


def capture_safe(part: OptimizerPart) -> None:
    """If the entry says captured, steps read no value back, and replayed they give the weights of eager ones."""
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
