"""What plugins may use in a training step: outputs, labels, progress, state, steps, optimizers, batches in parts."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import researcher
from support.loops import build_loop, with_learning_rates, with_tape
from support.researcher import IMAGE, Labelled

from ganzoo import ImageSpec, OptimizerEntry, hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.data.dataset import Images
from ganzoo.data.loader import Feed
from ganzoo.errors import GanzooError
from ganzoo.interfaces import DiscriminatorOutputs
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.cuda_graph import can_capture
from ganzoo.training.loop import Loop
from ganzoo.training.run import start

DOCS = Path(__file__).parents[3] / "docs"
SETTINGS = ["loop.device=cpu", "loop.precision=float32", "loop.batch=12", "loop.kimg=1.2", "metrics.names=[]"]
SMALL = ["generator.width=16", "discriminator.width=16"]


@pytest.fixture(scope="module")
def zoo() -> Registry:
    """The zoo with the researcher's plugin and the step of the documentation."""
    sys.path.insert(0, str(DOCS))
    try:
        import bigan
    finally:
        sys.path.remove(str(DOCS))
    registry = Registry.load(strict=True)
    registry._manager.unregister(name="ganzoo:report")
    registry.add(lambda: researcher, "researcher", "researcher")
    registry.add(lambda: bigan, "bigan", "bigan")
    return registry


def images(spec: ImageSpec = IMAGE, count: int = 48) -> Images:
    """Return images of noise; each class is brighter than the one before."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % spec.classes if spec.classes else None
    pixels = rng.integers(0, 100, (count, spec.channels, spec.size, spec.size), dtype=np.uint8)
    if labels is not None:
        pixels += (labels * 70).astype(np.uint8)[:, None, None, None]
    return Images(pixels, labels, spec, "noise", "train", "0" * 64)


@pytest.fixture
def make(zoo, tmp_path):
    """A function that makes a training loop on noise, by default with three classes."""

    def made(recipe: str, *settings: str, spec: ImageSpec = IMAGE, name: str = "run") -> Loop:
        config = resolve(zoo, recipe, None, [*SETTINGS, *settings])
        feed = Feed(images(spec), config.values.loop.batch, 0, torch.device("cpu"))
        directory = RunDir.create(tmp_path / name, recipe, config.to_yaml())
        return Loop(config, build_model(config, spec), feed, directory, torch.device("cpu"))

    return made


def everything(loop: Loop) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, module in loop.state.modules.items()
        for key, value in module.state_dict().items()
    }


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def iterate(loop: Loop, count: int) -> Loop:
    for _ in range(count):
        loop.iteration()
    return loop


RESUMED = ["labelled+hinge+moving", "labelled+observing+class-head+diffaug", "mlp+non-saturating+bigan"]


@pytest.mark.parametrize("recipe", RESUMED)
def test_state_of_rules_and_companions_resumes_bit_for_bit(make, recipe):
    settings = SMALL if recipe.startswith("mlp") else []
    straight = iterate(make(recipe, *settings, name="straight"), 4)
    checkpoint = straight.state.save(straight.directory)
    iterate(straight, 4)
    resumed = make(recipe, *settings, name="resumed")
    resumed.restore(checkpoint)
    assert_equal(everything(straight), everything(iterate(resumed, 4)))


@pytest.mark.parametrize(
    ("recipe", "file"),
    [
        ("labelled+hinge+moving", "penalty_moving"),
        ("labelled+observing", "loss"),
        ("mlp+hinge+bigan", "step_generator"),
    ],
)
def test_a_checkpoint_without_that_state_would_be_another_run(make, recipe, file):
    loop = iterate(make(recipe, *(SMALL if recipe.startswith("mlp") else [])), 3)
    checkpoint = loop.state.save(loop.directory)
    (checkpoint.path / f"{file}.safetensors").unlink()
    with pytest.raises(GanzooError, match=f"{file}.safetensors"):
        loop.restore(checkpoint)


def test_parts_without_state_add_no_files(make):
    loop = make("mlp+wgan-gp", *SMALL)
    found = {path.name for path in loop.state.save(loop.directory).path.glob("*.safetensors")}
    assert found == {"generator.safetensors", "discriminator.safetensors", "ema.safetensors"}


def test_a_penalty_reads_the_outputs_of_the_step_without_a_further_pass(make):
    with_head, without = (make(f"labelled+hinge{more}", name=f"run{more}") for more in ("+class-head", ""))
    before = with_head.model.discriminator.passes, without.model.discriminator.passes
    iterate(with_head, 3), iterate(without, 3)
    assert with_head.model.discriminator.passes - before[0] == without.model.discriminator.passes - before[1] == 6


def test_a_penalty_of_both_networks_teaches_each_in_its_step(make):
    rates = ["optimizer.generator.lr=1e-2", "optimizer.discriminator.lr=1e-2"]
    loop = iterate(make("labelled+hinge+class-head", *rates), 60)
    loop.statistics.read()
    later = iterate(loop, 20).statistics.read()[0]
    for name in ("penalty_class-head_discriminator", "penalty_class-head_generator"):
        assert later[name] < 0.5 * math.log(3)  # a guess gives the logarithm of the number of classes


def test_an_augmented_discriminator_says_all_that_the_discriminator_says(make):
    loop = make("labelled+hinge+class-head+diffaug")
    discriminator = loop.step.discriminator
    outputs = discriminator.outputs(torch.zeros(3, 1, 8, 8), torch.arange(3), rng=loop.state.rng)
    assert discriminator is not loop.model.discriminator
    assert outputs.logits.shape == (3,) and outputs.classes.shape == (3, 3)


def test_a_loss_gets_the_arguments_that_it_names(make):
    loop = iterate(make("labelled+observing"), 2)
    seen = loop.model.loss.seen[0]
    assert isinstance(seen["real"], DiscriminatorOutputs) and seen["fake"].logits.shape == (12,)
    assert seen["labels"].shape == (12,) and seen["latents"].shape == (12, researcher.LATENTS)


def test_progress_is_the_share_of_the_run(make):
    loop = make("labelled+observing", "loop.kimg=0.12")
    seen = []
    for _ in range(10):
        loop.iteration()
        seen.append(float(loop.step.progress))
    assert seen == pytest.approx([k / 10 for k in range(10)])


def test_replayed_steps_read_the_progress_of_their_own_time(make):
    eager, replayed = make("labelled+observing", name="eager"), with_tape(make("labelled+observing", name="replayed"))
    iterate(eager, 12), iterate(replayed, 12)
    assert float(eager.model.loss.progress_sum) == float(replayed.model.loss.progress_sum) > 0


@pytest.mark.parametrize("recipe", ["labelled+hinge+class-head+moving", "mlp+non-saturating+bigan"])
def test_replayed_steps_equal_eager_ones(make, recipe):
    settings = SMALL if recipe.startswith("mlp") else []
    eager = with_learning_rates(make(recipe, *settings, name="eager"))
    replayed = with_tape(make(recipe, *settings, name="replayed"))
    iterate(eager, 8), iterate(replayed, 8)
    assert replayed.steps._replays
    assert_equal(everything(eager), everything(replayed))


@pytest.mark.parametrize("recipe", ["labelled+hinge+class-head", "mlp+non-saturating"])
def test_accumulated_gradients_are_those_of_the_whole_batch(make, recipe):
    """Without augmentation and noise, only latents are drawn, and a batch in parts draws them in the same order."""
    settings = ["optimizer.discriminator.name=sgd", "optimizer.generator.name=sgd", "loop.fresh_fakes=true"]
    settings += SMALL if recipe.startswith("mlp") else []
    whole = make(recipe, *settings, name="whole")
    parts = make(recipe, *settings, "loop.accumulate=3", name="parts")
    iterate(whole, 3), iterate(parts, 3)
    for name, value in everything(whole).items():
        torch.testing.assert_close(everything(parts)[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_accumulate_must_divide_the_batch(zoo):
    with pytest.raises(GanzooError, match="accumulate is 5, must divide the batch of 12"):
        resolve(zoo, "mlp+hinge", None, [*SETTINGS, "loop.accumulate=5"])


@pytest.mark.parametrize(
    ("recipe", "spec", "settings", "message"),
    [
        (
            "labelled/patchy+hinge+class-head",
            IMAGE,
            [],
            "class-head needs classes from the discriminator, which that of",
        ),
        (
            "labelled/patchy+patches+reads-body",
            IMAGE,
            [],
            "reads-body needs body from the discriminator, which that of",
        ),
        ("mlp+hinge+reads-body", IMAGE, SMALL, "mlp+hinge+reads-body: the discriminator has no body; it has classes"),
        (
            "mlp/labelled+hinge+class-head",
            IMAGE,
            ["discriminator.conditional=false"],
            "class-head asks the generator for",
        ),
        ("labelled+hinge", ImageSpec(1, 8), [], "the generator of labelled requires labels"),
        ("mlp/labelled+hinge+class-head", ImageSpec(1, 8), [], "class-head requires labels"),
        ("labelled+hinge", ImageSpec(1, 8), ["data.labels=none"], "but data.labels=none drops them; set it to auto"),
        ("mlp/labelled+hinge", IMAGE, [], "the discriminator is told the class of an image, but the generator is not"),
        ("mlp/labelled+hinge", IMAGE, [], "a random one; set discriminator.conditional=false"),
        (
            "dcgan+hinge+reacgan",
            IMAGE,
            SMALL,
            "reacgan asks the generator for a class that it is not told; set generator",
        ),
        ("mlp+hinge+class-head", IMAGE, SMALL, "that it is not told; choose another generator (ARCH/DISCRIMINATOR)"),
        ("dcgan+hinge+class-head", IMAGE, SMALL, "that it is not told; set generator.conditional=true"),
        (
            "mlp/patchy+observing",
            IMAGE,
            [],
            "gives (2, 4, 4), a logit for each patch, but observing takes one for each",
        ),
    ],
)
def test_a_pairing_that_cannot_work_is_refused_when_it_is_built(zoo, recipe, spec, settings, message):
    config = resolve(zoo, recipe, None, [*SETTINGS, *settings])
    with pytest.raises(GanzooError) as caught:
        build_model(config, spec)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_networks_that_say_so_beforehand_are_not_built_without_labels(zoo, monkeypatch):
    monkeypatch.setattr(Labelled, "conditional", "required")
    monkeypatch.setattr(Labelled, "__init__", lambda *_: pytest.fail("built for images without classes"))
    with pytest.raises(GanzooError, match="the generator of labelled requires labels"):
        build_model(resolve(zoo, "labelled+hinge", None, SETTINGS), ImageSpec(1, 8))


def test_a_refused_pairing_leaves_no_directory(zoo, tmp_path):
    config = resolve(zoo, "mlp+hinge+class-head", None, [*SETTINGS, *SMALL, "data.name=fashion-10k", "data.size=8"])
    with pytest.raises(GanzooError, match="class-head"):
        start(config, out=tmp_path / "run", heed_signals=False)
    assert not (tmp_path / "run").exists()


def test_a_generator_that_alone_is_told_the_class_is_warned_of(zoo, caplog):
    config = resolve(zoo, "labelled+hinge", None, [*SETTINGS, "discriminator.conditional=false"])
    with caplog.at_level(logging.WARNING, "ganzoo"):
        build_model(config, IMAGE)
    assert "will not learn to draw the class" in caplog.text
    caplog.clear()
    build_model(resolve(zoo, "labelled+hinge+class-head", None, [*SETTINGS, "discriminator.conditional=false"]), IMAGE)
    assert caplog.text == ""


def test_a_loss_constrains_the_discriminator_itself(make):
    """Not the module that augments the images before the discriminator judges them."""
    loop, given = make("mlp+hinge+diffaug", *SMALL), []
    loop.model.loss.constrain = given.append
    iterate(loop, 1)
    assert given == [loop.model.discriminator]


def test_frozen_weights_of_a_discriminator_stay_frozen(zoo, tmp_path):
    config = resolve(zoo, "mlp+wgan", None, [*SETTINGS, *SMALL])
    model = build_model(config, IMAGE)
    frozen = next(model.discriminator.parameters()).requires_grad_(False)
    before = frozen.clone()
    assert before.abs().max() > config.values.loss.clip
    feed = Feed(images(), config.values.loop.batch, 0, torch.device("cpu"))
    loop = Loop(config, model, feed, RunDir.create(tmp_path / "run", "mlp+wgan", config.to_yaml()), torch.device("cpu"))
    iterate(loop, 2)
    assert torch.equal(frozen, before) and frozen.grad is None and not frozen.requires_grad


def test_what_a_loss_draws_when_it_is_built_is_that_of_the_seed(zoo, monkeypatch):
    def build(self, params):
        super(researcher.Observing, self).__init__(params)
        self.register_buffer("drawn", torch.randn(3))

    monkeypatch.setattr(researcher.Observing, "__init__", build)
    config, state = resolve(zoo, "labelled+observing", None, SETTINGS), torch.get_rng_state()
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        drawn.append(build_model(config, IMAGE).loss.drawn)
    assert torch.equal(*drawn)
    torch.set_rng_state(state)


def test_initial_weights_are_not_those_of_a_steps_own_networks(make, caplog):
    caplog.set_level("INFO")
    first = make("mlp+non-saturating+bigan", *SMALL, name="first")
    checkpoint = first.state.save(first.directory)
    make("mlp+non-saturating+bigan", *SMALL, name="second").state.load_weights(checkpoint)
    assert "the step's own networks start anew" in caplog.messages


def test_a_loss_may_take_a_logit_for_each_patch(make):
    loop = iterate(make("mlp/patchy+patches", "generator.width=16"), 3)
    means, not_finite = loop.statistics.read()
    assert not not_finite and 0 <= means["auc"] <= 1


def test_a_registered_optimizer_gets_what_it_names(make):
    loop = make("mlp+hinge", *SMALL, "optimizer.generator.name=descent", "optimizer.generator.options.momentum=0.5")
    group = loop.state.optimizer_g.param_groups[0]
    assert isinstance(loop.state.optimizer_g, torch.optim.SGD)
    assert group["momentum"] == 0.5 and group["lr"] == loop.config.values.optimizer.generator.lr
    before = everything(loop)
    assert any(not torch.equal(before[name], value) for name, value in everything(iterate(loop, 1)).items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["optimizer.generator.name=descent", "optimizer.generator.options.nesterof=1"],
            "descent has no option nesterof",
        ),
        (["optimizer.generator.options.momentum=0.5"], "only registered optimizers have options"),
        (["optimizer.generator.name=nothing"], "optimizer name 'nothing'"),
    ],
)
def test_options_that_nobody_reads_are_refused(make, settings, message):
    with pytest.raises(GanzooError, match=message):
        make("mlp+hinge", *SMALL, *settings)


def test_an_optimizer_that_replaces_timms_is_captured_only_if_its_entry_says_so():
    class Plugin:
        @hookimpl
        def register_optimizers(self, register):
            register(OptimizerEntry(name="adam", summary="Its own", target="support.researcher:descent"))

    registry = Registry.load(strict=True)
    assert can_capture(resolve(registry, "mlp+hinge", None, SETTINGS), torch.device("cuda"))
    registry.add(Plugin, "own", "own")
    assert not can_capture(resolve(registry, "mlp+hinge", None, SETTINGS), torch.device("cuda"))


def test_an_optimizer_that_keeps_numbers_in_python_is_not_captured(zoo, caplog):
    config = resolve(zoo, "mlp+hinge", None, [*SETTINGS, "optimizer.generator.name=descent"])
    assert not can_capture(config, torch.device("cuda"))
    assert "descent" in caplog.text and "steps run eagerly" in caplog.text


def test_two_steps_in_one_recipe_are_refused(zoo):
    with pytest.raises(GanzooError, match="names a part twice"):
        resolve(zoo, "mlp+hinge+bigan+bigan")


def test_the_documented_encoder_learns_to_invert_the_generator(zoo, tmp_path):
    settings = ["optimizer.generator.lr=1e-3", "optimizer.discriminator.lr=1e-3", "loop.kimg=100", "step.width=64"]
    settings += ["generator.width=64", "discriminator.width=64", "generator.latent_dim=8", "loop.batch=32"]
    loop = iterate(build_loop(zoo, tmp_path / "run", "mlp+non-saturating+bigan", [*SETTINGS, *settings]), 600)
    images = loop.feed.read()[0]
    with torch.no_grad():
        again = loop.model.generator(loop.model.companions["generator"](images))
    own, others = ((made - images).square().mean() for made in (again, again.roll(1, 0)))
    assert own < 0.8 * others
