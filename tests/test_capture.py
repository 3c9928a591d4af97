"""A captured run is an eager one: here with a stand-in for CUDA graphs, on a GPU with the graphs themselves."""

from __future__ import annotations

from itertools import count

import pytest
import torch
from rich.console import Console

from ganzoo import state
from ganzoo.build import build_model
from ganzoo.capture import WARM_UP, Steps, can_capture
from ganzoo.data.feed import Feed
from ganzoo.data.open import open_pictures
from ganzoo.display import Display
from ganzoo.folder import RunFolder
from ganzoo.loop import Loop
from ganzoo.optimizers import Rate
from ganzoo.resolve import resolve
from ganzoo.testing.tape import Tape

RECIPES = [
    f"{a}+{loss}" for a in ("mlp", "dcgan", "stylegan-lite") for loss in ("minimax", "non-saturating", "wgan-gp")
]
LAZY = ["penalties.r1.interval=4", "loop.schedule=linear", "ema.half_life_kimg=0.1"]


@pytest.fixture
def make_loop(registry, tmp_path, tiny):
    def make(recipe, name, settings=(), device="cpu"):
        chosen = [*tiny(recipe.split("+")[0]), f"loop.device={device}", *settings]
        config = resolve(registry, recipe, None, chosen)
        pictures = open_pictures(registry, config.values.data.name, split="train", size=8)
        feed = Feed(pictures, config.values.loop.batch, 0, device, mirror=True)
        folder = RunFolder.create(tmp_path / name, recipe, config.to_yaml())
        model, where = build_model(config, pictures.spec), torch.device(device)
        return Loop(
            config, model, feed, folder, where, Display(Console(quiet=True)), lambda *_, **__: None, lambda _: {}
        )

    return make


def run(loop: Loop, steps: int) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    for _ in range(steps):
        loop.iteration()
    weights = {
        f"{name}.{key}": value.clone()
        for name, module in state.modules(loop).items()
        for key, value in module.state_dict().items()
    }
    return weights, loop.statistics.read()[0]


def with_tape(loop: Loop, warnings: list[str] | None = None) -> Loop:
    loop.rates = [Rate(optimizer, loop.device) for optimizer in (loop.optimizer_d, loop.optimizer_g)]
    loop.steps = Steps(Tape([loop.rng]), (warnings if warnings is not None else []).append)
    return loop


@pytest.mark.parametrize(
    ("recipe", "more"),
    [
        *((recipe, []) for recipe in (*RECIPES, "stylegan-lite+non-saturating+r1", "dcgan+non-saturating+r1+ada")),
        ("mlp+non-saturating+r1", ["loop.fresh_fakes=true"]),
        ("dcgan+wgan-gp", ["loop.discriminator_steps=2"]),
    ],
)
def test_replayed_steps_give_the_weights_of_eager_ones(make_loop, recipe, more):
    """Exactly, as the same operators run in the same order, though rate, decay and batch change with each step."""
    settings = [*(LAZY if "r1" in recipe else LAZY[1:]), *more]
    eager, taped = make_loop(recipe, "eager", settings), with_tape(make_loop(recipe, "taped", settings))
    eager.rates = [Rate(optimizer, eager.device) for optimizer in (eager.optimizer_d, eager.optimizer_g)]
    weights, means = run(eager, 20)
    found, found_means = run(taped, 20)
    assert taped.steps.capture is not None and len(taped.steps._replays) == 1 + bool(more) + ("r1" in recipe)
    assert found_means == means
    for name, value in weights.items():
        assert torch.equal(found[name], value), name


def test_each_thing_that_changes_reaches_the_replayed_steps(make_loop):
    """Learning rate, decay of the average, weight of a penalty, count of pictures, each alone."""
    recipe = "mlp+non-saturating+r1"
    settings, number = ["penalties.r1.interval=1"], count()

    def after(change) -> torch.Tensor:
        loop = with_tape(make_loop(recipe, f"run{next(number)}", settings))
        run(loop, WARM_UP + 2)
        change(loop)
        weights, _ = run(loop, 1)
        return torch.cat([value.flatten().float() for value in weights.values()])

    def rate(loop):
        loop.optimizer_d.param_groups[0]["lr"] = 0.1
        loop.rates[0].hold()

    def decay(loop):
        loop.ema.set_decay(0.123)
        loop._ema_decay = lambda: 0.123

    def penalty(loop):
        loop.model.penalties[0].weight.fill_(1000.0)

    def position(loop):
        loop.counters.shown += 5

    plain = after(lambda loop: None)
    assert torch.equal(plain, after(lambda loop: None))
    for change in (rate, decay, penalty, position):
        assert not torch.equal(plain, after(change)), change.__name__


def test_code_that_reads_a_value_runs_eagerly_and_says_so(make_loop):
    warnings: list[str] = []
    loop, eager = with_tape(make_loop("mlp+minimax", "one"), warnings), make_loop("mlp+minimax", "two")
    eager.rates = [Rate(optimizer, eager.device) for optimizer in (eager.optimizer_d, eager.optimizer_g)]
    loss = loop.model.loss
    original = loss.discriminator

    def reads(**logits):
        value = original(**logits)
        return value * 2 if value.item() < 0 else value

    loss.discriminator = reads
    weights, _ = run(loop, 8)
    assert warnings == [
        "loop.capture: the discriminator's step and the generator's step cannot be captured, steps run eagerly: "
        "RuntimeError: a value was read back to the host"
    ]
    expected, _ = run(eager, 8)
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


def test_another_optimizer_is_not_captured(make_loop):
    config = make_loop("mlp+minimax", "run", ["optimizer.generator.name=lamb"]).config
    warnings: list[str] = []
    assert not can_capture(config.values, warnings.append)
    assert warnings == ["loop.capture: lamb keeps numbers outside the device, steps run eagerly"]


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", [*RECIPES, "stylegan-lite+non-saturating+r1", "dcgan+non-saturating+r1+ada"])
def test_a_captured_run_is_an_eager_one_over_200_steps(make_loop, recipe):
    """Within 1e-3 of the weights' size: on a GPU sums of atomic adds come in any order, and training spreads that."""
    settings = [*(LAZY if "r1" in recipe else LAZY[1:]), "loop.kimg=4", "loop.precision=float32"]
    captured = make_loop(recipe, "captured", settings, "cuda")
    eager = make_loop(recipe, "eager", [*settings, "loop.capture=false"], "cuda")
    found, means = run(captured, 200)
    expected, expected_means = run(eager, 200)
    assert captured.steps.capture is not None and captured.steps._replays
    assert means == pytest.approx(expected_means, rel=1e-3, abs=1e-4)
    for name, value in expected.items():
        assert torch.allclose(found[name].float(), value.float(), rtol=1e-3, atol=1e-3 * value.float().abs().max()), (
            name
        )
