"""Captured runs equal eager runs. Without a GPU, a stand-in replaces CUDA graphs."""

from __future__ import annotations

from itertools import count, product

import pytest
import torch
from support.loops import check_replayed, deterministic, has_gather, values, with_learning_rates, with_noise, with_tape

from ganzoo.testing.tape import Tape
from ganzoo.training.cuda_graph import WARM_UP, can_capture

pytestmark = pytest.mark.seconds

STEPS = 20
RECIPES = [
    f"{a}+{loss}" for a in ("mlp", "dcgan", "stylegan-lite") for loss in ("minimax", "non-saturating", "wgan-gp")
]
WITH_R1 = ["stylegan-lite+non-saturating+r1", "dcgan+non-saturating+r1+ada"]
LAZY = ["penalties.r1.interval=4", "loop.schedule=linear", "ema.half_life_kimg=0.1"]


def changing(recipe: str) -> list[str]:
    """Return settings with which the learning rate, the decay and the due penalties change from step to step."""
    return LAZY if "r1" in recipe else LAZY[1:]


@pytest.mark.parametrize(
    ("recipe", "more", "kinds"),
    [
        *((recipe, [], 1) for recipe in RECIPES),
        *((recipe, [], 2) for recipe in WITH_R1),
        ("mlp+non-saturating+r1", ["loop.fresh_fakes=true"], 3),
        ("dcgan+wgan-gp", ["loop.discriminator_steps=2"], 2),
        ("dcgan+wgan-gp", ["loop.precision=bf16"], 1),
    ],
)
def test_replayed_steps_give_the_weights_of_eager_ones(make_loop, recipe, more, kinds):
    """The values are equal to the bit although learning rate, decay and batch change at each step."""
    settings = [*changing(recipe), *more]
    taped = with_tape(make_loop(recipe, "taped", settings))
    eager = [values(with_learning_rates(make_loop(recipe, f"eager{number}", settings)), STEPS) for number in range(2)]
    check_replayed(values(taped, STEPS), eager)
    assert taped.steps.capture is not None and len(taped.steps._replays) == kinds


def stale_batch(loop):
    loop.feed.seek = lambda shown: None


def stale_learning_rate(loop):
    loop.state.learning_rates = []


def stale_decay(loop):
    loop.state.ema.set_decay = lambda decay: None


def stale_weight(loop):
    loop.model.penalties[0].weight.mul_(1.01)


def other_numbers(loop):
    loop.state.rng.manual_seed(1)


@pytest.mark.parametrize("unstable", [False, True])
@pytest.mark.parametrize("fault", [stale_batch, stale_learning_rate, stale_decay, stale_weight, other_numbers])
def test_the_comparison_sees_a_fault(make_loop, tmp_path, unstable, fault):
    """A fault is found even if an operator's sums differ slightly from run to run."""
    # In bf16, the default on some machines, a single rounding error grows large within these steps.
    settings = [*LAZY[1:], "penalties.r1.interval=1", "loop.precision=float32"]

    def train(name, prepare, then):
        loop = prepare(make_loop("mlp+non-saturating+r1", name, settings))
        if unstable:
            with_noise(loop, seed=len(list(tmp_path.iterdir())))
        values(loop, WARM_UP + 2)
        then(loop)
        return values(loop, STEPS - WARM_UP - 2)

    eager = [train(f"eager{number}", with_learning_rates, lambda loop: None) for number in range(3)]
    check_replayed(train("right", with_tape, lambda loop: None), eager)
    wrong = train("wrong", with_tape, fault)
    with pytest.raises(AssertionError, match="apart, eager runs"):
        check_replayed(wrong, eager)


def test_each_thing_that_changes_reaches_the_replayed_steps(make_loop):
    """Learning rate, decay of the average, weight of a penalty and count of images are changed one at a time."""
    recipe = "mlp+non-saturating+r1"
    settings, number = ["penalties.r1.interval=1"], count()

    def after(change) -> torch.Tensor:
        loop = with_tape(make_loop(recipe, f"run{next(number)}", settings))
        values(loop, WARM_UP + 2)
        change(loop)
        return torch.cat([value.flatten().float() for value in values(loop, 1).values()])

    def learning_rate(loop):
        loop.state.optimizer_d.param_groups[0]["lr"] = 0.1
        loop.state.learning_rates[0].hold()

    def decay(loop):
        loop.state.ema.set_decay(0.123)
        loop._ema_decay = lambda: 0.123

    def penalty(loop):
        loop.model.penalties[0].weight.fill_(1000.0)

    def position(loop):
        loop.counters.shown += 5

    plain = after(lambda loop: None)
    assert torch.equal(plain, after(lambda loop: None))
    for change in (learning_rate, decay, penalty, position):
        assert not torch.equal(plain, after(change)), change.__name__


def test_code_that_reads_a_value_runs_eagerly_and_says_so(make_loop, logged):
    loop = with_tape(make_loop("mlp+minimax", "one"))
    loss = loop.model.loss
    original = loss.discriminator

    def reads(**logits):
        value = original(**logits)
        return value * 2 if value.item() < 0 else value

    loss.discriminator = reads
    found, expected = values(loop, 8), values(with_learning_rates(make_loop("mlp+minimax", "two")), 8)
    assert logged == [
        "loop.capture: the discriminator's step and the generator's step cannot be captured, so steps run eagerly: "
        "RuntimeError: a value was read back to the host"
    ]
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_only_fused_optimizers_are_captured(make_loop, monkeypatch, logged):
    """Only captured optimizers have learning rates in tensors, which others would read back at each step or refuse."""
    cuda = torch.device("cuda")
    monkeypatch.setattr("ganzoo.training.cuda_graph.wants_fp16", lambda *_: False)  # as on cards with bf16
    monkeypatch.setattr("ganzoo.training.loop.can_capture", lambda config, device: can_capture(config, cuda))
    monkeypatch.setattr("ganzoo.training.loop.CudaCapture", lambda device, rng: "a capture")

    def kinds(*settings: str) -> tuple[bool, set[type], list[str]]:
        logged.clear()
        loop = make_loop("mlp+minimax", f"run{settings}", settings)
        groups = [*loop.state.optimizer_d.param_groups, *loop.state.optimizer_g.param_groups]
        return loop.steps.capture is not None, {type(group["lr"]) for group in groups}, logged

    assert kinds() == (True, {torch.Tensor}, [])
    assert kinds("loop.capture=false") == (False, {float}, [])
    reason = "loop.capture: lamb keeps numbers outside the device, so steps run eagerly"
    assert kinds("optimizer.generator.name=lamb") == (False, {float}, [reason])
    logged.clear()
    assert not can_capture(make_loop("mlp+minimax", "cpu").config, torch.device("cpu"))
    assert logged == []


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("recipe", "precision"),
    [
        *product((*RECIPES, "dcgan+non-saturating+r1", "stylegan-lite+non-saturating+r1"), ("float32", "bf16")),
        # The only architecture with small rounding errors: eager runs are 4e-7 apart; a fault changes values by 1e-3.
        ("mlp+non-saturating+r1+ada", "float32"),
    ],
)
def test_a_captured_run_is_an_eager_one(make_loop, logged, recipe, precision):
    """The values are equal to the bit; with ada, within 10 times the distance between eager runs with rounding
    errors."""
    check_captured(make_loop, logged, recipe, precision, "cuda")


def test_what_the_gpu_is_to_show_holds_for_a_stand_in(make_loop, logged, monkeypatch):
    """The comparison of the test above runs through, so that on a GPU only the GPU can fail it."""
    monkeypatch.setattr("ganzoo.training.loop.can_capture", lambda config, device: config.values.loop.capture)
    monkeypatch.setattr("ganzoo.training.loop.CudaCapture", lambda device, rng: Tape([rng]))
    check_captured(make_loop, logged, "mlp+non-saturating+r1", "float32", "cpu")


def check_captured(make_loop, logged, recipe, precision, device):
    settings = [*changing(recipe), f"loop.precision={precision}"]

    def eager(number):
        loop = with_learning_rates(make_loop(recipe, f"eager{number}", [*settings, "loop.capture=false"], device))
        return with_noise(loop, seed=number) if has_gather(recipe) else loop

    with deterministic(recipe):
        captured = make_loop(recipe, "captured", settings, device)
        found = values(captured, STEPS)
        expected = [values(eager(number), STEPS) for number in range(3)]
    assert not logged and len(captured.steps._replays) == 1 + ("r1" in recipe)
    check_replayed(found, expected)
