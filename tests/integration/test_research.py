"""The worked examples of ``docs/research.md``: each file is a plugin whose commands resolve and whose method works."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.loops import build_loop

from ganzoo.config.resolve import resolve
from ganzoo.plugin.registry import Registry
from ganzoo.training.loop import Loop

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "research.md").read_text()
FILES = dict(re.findall(r"^`(\w+\.py)`\n```python\n(.*?)```", PAGE, re.DOTALL | re.M))
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
SETTINGS = ["loop.device=cpu", "loop.precision=float32", "loop.batch=16", "loop.kimg=2", "metrics.names=[]"]
CLASSIFIED = ("penalty_classified_discriminator", "penalty_classified_generator")
RATES = ["optimizer.generator.lr=1e-3", "optimizer.discriminator.lr=1e-3"]

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Registry:
    """A registry with the plugins of the page and ``docs/bigan.py``."""
    directory = tmp_path_factory.mktemp("research")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    registry = Registry.load(strict=True)
    registry._manager.unregister(name="ganzoo:report")
    sys.path[:0] = [str(directory), str(DOCS)]
    try:
        for name in (*FILES, "bigan.py"):
            module = importlib.import_module(name.removesuffix(".py"))
            registry.add(lambda module=module: module, module.__name__, module.__name__)
    finally:
        del sys.path[:2]
    return registry


@pytest.fixture
def make(zoo, tmp_path):
    def made(recipe: str, *settings: str) -> Loop:
        return build_loop(zoo, tmp_path / recipe.replace("/", "_"), recipe, [*SETTINGS, *RATES, *settings])

    return made


def iterate(loop: Loop, count: int) -> dict[str, float]:
    """Take ``count`` iterations and return the means of the values logged in them."""
    loop.statistics.read()
    for _ in range(count):
        loop.iteration()
    return loop.statistics.read()[0]


def test_the_order_of_calls_is_that_of_the_reference(make, monkeypatch):
    """The two lists of "What is called when" in ``docs/reference.md`` are right, without and with fresh fakes."""
    made = ["sample_latents", "generate"]
    judged = ["augment", "discriminate"]
    taught = ["loss.discriminator", "penalty", "step_d", "constrain", "adapt"]
    played = ["loss.generator", "step_g", "average"]
    for fresh in (False, True):
        loop = make(f"mlp+hinge+steady+{'ada' if fresh else 'diffaug'}", f"loop.fresh_fakes={fresh}".lower())
        calls: list[str] = []
        model, state = loop.model, loop.state
        targets = [
            (model.generator, "sample_latents", "sample_latents"),
            (model.generator, "forward", "generate"),
            (model.augmentation, "forward", "augment"),
            (model.discriminator, "forward", "discriminate"),
            (model.loss, "discriminator", "loss.discriminator"),
            (model.loss, "generator", "loss.generator"),
            (model.loss, "constrain", "constrain"),
            (model.augmentation, "adapt", "adapt"),
            (state.optimizer_d, "step", "step_d"),
            (state.optimizer_g, "step", "step_g"),
            (state.ema, "update", "average"),
        ]
        for part, method, name in targets:
            monkeypatch.setattr(part, method, noting(calls, name, getattr(part, method)))
        penalty = model.penalties[0]
        monkeypatch.setattr(penalty, "penalty", noting(calls, "penalty", penalty.penalty))
        loop.iteration()
        assert calls == [*made, *judged, *taught, *(made if fresh else []), *judged, *played]


def noting(calls: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds ``name`` to ``calls`` at each call."""

    def noted(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        return function(*arguments, **named)

    return noted


def test_there_are_four_examples():
    assert list(FILES) == ["steady.py", "two_heads.py", "growing.py", "two_scales.py"]
    assert {Path(found).name for found in re.findall(r"--plugin (\S+\.py)", PAGE)} == {*FILES, "bigan.py"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_resolves(zoo, command):
    program, verb, recipe, *rest = shlex.split(command)
    assert (program, verb, rest[0]) == ("ganzoo", "run", "--plugin")
    values = resolve(zoo, recipe, None, rest[2:]).values
    assert values.recipe == recipe


def test_the_moving_average_follows_the_real_logits_and_is_in_the_checkpoint(make):
    loop = make("mlp+hinge+steady", "penalties.steady.memory=0.5", "penalties.steady.weight=0.01")
    means = iterate(loop, 30)
    penalty = loop.model.penalties[0].penalty
    real = loop.model.discriminator(loop.feed.read()[0]).mean()
    assert means["penalty_steady"] > 0
    assert abs(penalty.average - real) < abs(penalty.average)
    assert torch.equal(loop.state.state_dict()["penalty_steady"]["average"], penalty.average)


def test_both_networks_learn_the_classes(make):
    loop = make("two-heads+hinge+classified")
    before = iterate(loop, 1)
    iterate(loop, 80)
    after = iterate(loop, 20)
    for name in CLASSIFIED:
        assert after[name] < 0.9 * before[name]


def test_the_penalty_goes_with_the_class_head_of_another_architecture_and_augmentation(make):
    widths = ["generator.width=8", "discriminator.width=8"]
    loop = make("dcgan+hinge+classified+diffaug", "generator.conditional=true", *widths)
    assert all(0 < iterate(loop, 2)[name] < 10 for name in CLASSIFIED)
    assert loop.model.generator.conditional and loop.model.discriminator.conditional


def test_no_head_is_built_that_nothing_reads(make):
    assert make("two-heads+hinge").model.discriminator.classify is None


def test_the_margin_grows(make):
    loop = make("mlp+growing-hinge", "loss.start=0.5")
    near = torch.full((4,), 0.6)
    losses = [
        loop.model.loss.discriminator(d_real=near, d_fake=-near, progress=torch.tensor(p)) for p in (0.0, 0.6, 1.0)
    ]
    assert [float(loss) for loss in losses] == pytest.approx([0, 0.4, 0.8])
    assert iterate(loop, 3)["loss_discriminator"] > 0


def test_the_second_discriminator_is_trained_and_saved(make):
    loop = make("mlp+non-saturating+two-scales", "step.width=8")
    assert loop.model.companions["discriminator"][2].out_features == 8
    before = {name: value.clone() for name, value in loop.state.state_dict()["step_discriminator"].items()}
    iterate(loop, 3)
    after = loop.state.state_dict()["step_discriminator"]
    assert all(not torch.equal(before[name], value) for name, value in after.items())
    assert all(p.grad is None or not p.requires_grad for p in loop.model.companions["discriminator"].parameters())
