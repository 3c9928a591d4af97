"""Tests of `ganzoo explain`: the description matches the networks that are built, also for third-party plugins."""

from __future__ import annotations

import importlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from support.images import peek_spec
from support.strangers import ABSOLUTE, with_stranger
from support.violations import plugin_of

from ganzoo import ArchitectureEntry, LossEntry, PenaltyEntry, PenaltyParams, hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.entries import param
from ganzoo.interfaces import Discriminator, Generator, Penalty
from ganzoo.models.build import build_model, parameter_count
from ganzoo.plugin.registry import Registry
from ganzoo_explain.describe import describe
from ganzoo_explain.formulas import _split_sides, how_often, loss_formula
from ganzoo_explain.page import to_page
from ganzoo_explain.probe import LOGITS, goal
from ganzoo_explain.svg import to_svg
from ganzoo_explain.terminal import print_system

DOCS = Path(__file__).parents[3] / "docs"
SMALL = ["generator.width=16", "discriminator.width=16"]
ZOO = Registry.load(strict=True).entries
EVIL = '<script src="https://example.com/x.js">alert(1)</script>\x1b[31m & "quotes"'
EVERYTHING = ["mlp+relativistic+r1+diffaug", *SMALL, "penalties.r1.interval=16"]


def explained(registry, recipe, *settings):
    return describe(resolve(registry, recipe, None, settings), settings)


def lines(system, key):
    return [line.text for line in system.part(key).lines]


def text_of(system, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    print_system(system, console)
    return console.export_text()


@dataclass
class StrangeParams(PenaltyParams):
    radius: float = param(0.25, "how far")


class StrangeGenerator(Generator):
    """A generator with a single matrix, its own prior for the latents, and no submodule that could be hooked."""

    def __init__(self, image, params):
        super().__init__()
        self.image, self.latent_dim = image, 3
        self.weight = torch.nn.Parameter(torch.zeros(3, image.channels * image.size**2))
        self.frozen = torch.nn.Parameter(torch.zeros(7), requires_grad=False)

    def sample_latents(self, count, rng, device="cpu"):
        return torch.rand(count, 3, generator=rng)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return (latents @ self.weight).unflatten(1, (self.image.channels, self.image.size, self.image.size))


class StrangeDiscriminator(Discriminator):
    def __init__(self, image, params, needs):
        super().__init__()
        self.layer = torch.nn.Linear(image.channels * image.size**2, 1)

    def forward(self, images, labels=None, *, rng=None):
        return self.layer(images.flatten(1)).squeeze(1)


class StrangePenalty(Penalty):
    def __call__(self, inputs):
        return inputs.fake.flatten(1).mean(1)


def strange_registry():
    registry = with_stranger(
        LossEntry(name="strange", summary=EVIL, target=ABSOLUTE.target, formula=f"distances {EVIL}"), ABSOLUTE
    )
    parts = [
        (ArchitectureEntry(name="odd", summary=EVIL, paper=EVIL, generator=f"{__name__}:StrangeGenerator",
                           discriminator=f"{__name__}:StrangeDiscriminator"), "register_architectures"),
        (PenaltyEntry(name="pull", summary=EVIL, target=f"{__name__}:StrangePenalty", network="generator",
                      params=StrangeParams, formula="E[|x|], |x| < radius"), "register_penalties"),
    ]  # fmt: skip
    for number, (entry, hook) in enumerate(parts):

        def register_it(register, entry=entry):
            register(entry)

        registry.add(
            lambda hook=hook, it=register_it: SimpleNamespace(**{hook: hookimpl(it)}), f"odd{number}", "ganzoo-odd"
        )
    return registry


@pytest.mark.parametrize("name", sorted(ZOO["architecture"]))
def test_the_boxes_count_what_is_built(registry, name):
    config = resolve(registry, f"{name}+non-saturating", None, ["loop.batch=5"])
    system = describe(config)
    model = build_model(config, peek_spec(registry, config.values.data.name))
    for key, network in (("generator", model.generator), ("discriminator", model.discriminator)):
        assert f"{parameter_count(network):,} weights" in lines(system, key)
    assert lines(system, "generator")[2].startswith(f"{model.generator.latent_dim} → ")
    assert lines(system, "generator")[2].endswith("→ 1×28×28")
    assert lines(system, "discriminator")[2].startswith("1×28×28 → ") and lines(system, "discriminator")[2].endswith(
        "→ 1"
    )
    assert "×3×3" not in lines(system, "discriminator")[2]  # a kernel's shape is not listed
    labels = {(arrow.source, arrow.target): arrow.label for arrow in system.arrows}
    told = " + 5 labels" if model.generator.conditional else ""
    assert labels["latents", "generator"] == f"5×{model.generator.latent_dim}{told}"
    assert labels["fakes", "discriminator"] == labels["reals", "discriminator"] == f"5×1×28×28{told}"
    assert labels["discriminator", "d_fake"] == labels["d_real", "loss_discriminator"] == "5"


@pytest.mark.parametrize("name", sorted(ZOO["loss"]))
def test_every_loss_is_split_and_every_penalty_shown(registry, name):
    system = explained(registry, f"mlp+{name}", *SMALL)
    entry = ZOO["loss"][name]
    learns, plays = system.updates
    assert learns.formula[0].text.startswith("D loss = ") and plays.formula[0].text.startswith("G loss = ")
    sides = re.split(r"; (?=G: )", entry.formula.removeprefix("D: "))
    assert " ".join(line.text for line in learns.formula).startswith(f"D loss = {sides[0]}")
    for penalty in entry.penalties:
        assert any(f"{penalty}, at every step" in line.text for line in learns.formula)
    needs = ("d_real", "loss_generator") in {(arrow.source, arrow.target) for arrow in system.arrows}
    assert needs == entry.generator_needs_real
    verdict = " ".join(lines(system, "d_real"))
    assert ("above 0" in verdict) == entry.zero_is_border and ("probability" in verdict) == entry.probability
    assert all(curve.points for update in system.updates for curve in update.curves)


@pytest.mark.parametrize("recipe", ["mlp+minimax", "mlp+relativistic+diffaug"])
def test_the_gradient_runs_back_where_the_weights_are(registry, recipe):
    """The gradient flows from each loss against the arrows to the network that learns, and to no other part."""
    system = explained(registry, recipe, *SMALL)
    for learner, ways in (("discriminator", ["d_fake", "d_real"]), ("generator", ["d_fake"])):
        back = {(arrow.target, arrow.source) for arrow in system.arrows if learner in arrow.gradients}
        reached, new = set(), {f"loss_{learner}"}
        while new:
            reached |= new
            new = {there for here, there in back if here in reached} - reached
        seen = {"augmentation"} & {part.key for part in system.parts}
        through = {*seen, "fakes", "generator"} if learner == "generator" else set()
        assert reached == {f"loss_{learner}", *ways, "discriminator", *through}
    path = system.updates[1].path
    assert path[0] == "Generator loss" and path[-1] == "Generator (learns)" and "Discriminator (frozen)" in path


def test_a_lazy_penalty_with_the_weight_it_has(registry):
    system = explained(registry, *EVERYTHING)
    found = [line.text for line in system.updates[0].formula]
    assert "+ 16 / 2 * E[|grad D(real)|^2]" in found and "r1, at every 16th step" in found
    assert not any("r1" in line.text for line in system.updates[1].formula)
    assert [how_often(n) for n in (1, 2, 3, 11, 21)] == [
        "at every step", "at every 2nd step", "at every 3rd step", "at every 11th step", "at every 21st step",
    ]  # fmt: skip


def test_a_penalty_of_both_networks_is_in_both_losses(registry):
    system = explained(registry, "dcgan+hinge+acgan", *SMALL, "generator.conditional=true")
    for update in system.updates:
        assert any("acgan, at every step" in line.text for line in update.formula)
        assert any("acgan at every step" in line for line in update.sentences)
    assert "each network's loss" in " ".join(next(s for s in system.sections if s.title == "Penalty").sentences)


@pytest.mark.parametrize("name", [name for name, entry in ZOO["penalty"].items() if entry.network == "both"])
def test_each_sides_term_of_a_penalty_is_a_formula(name):
    sides, rest = _split_sides(ZOO["penalty"][name].formula)
    for formula in [*sides.values()] or rest:
        assert "weight" in formula and "E[" in formula
    assert not (sides and rest) and set(sides) in (set(), {"D", "G"})


def test_a_step_is_named_with_its_networks_and_settings(registry, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    with_step = Registry.load(strict=True)
    with_step.add(lambda: importlib.import_module("bigan"), "bigan", "ganzoo-bigan", "1.0")
    system = explained(with_step, "mlp+non-saturating+bigan", *SMALL, "step.width=8")
    section = next(s for s in system.sections if s.title == "Step")
    assert "ganzoo-bigan 1.0" in section.name and {(one.key, one.value) for one in section.settings} == {
        ("step.width", "8")
    }
    encoder = 784 * 8 + 8 + 8 * 64 + 64
    assert f"A further network of {encoder:,} weights learns with the generator." in section.sentences
    assert not any(s.title == "Step" for s in explained(registry, "mlp+minimax", *SMALL).sections)


def test_the_values_a_formula_names(registry):
    system = explained(registry, "mlp+wgan+dragan", *SMALL, "loss.clip=0.02")
    found = [line.text for line in system.updates[0].formula]
    assert "where clip = 0.02" in found
    assert "dragan, at every step, noise = 0.5" in found
    assert "constrains" in " ".join(system.updates[0].sentences)


def test_the_round_follows_the_settings(registry):
    assert "the same images" in " ".join(explained(registry, "mlp+minimax", *SMALL).round)
    fresh = explained(registry, "mlp+wgan-gp", *SMALL, "loop.fresh_fakes=true", "loop.discriminator_steps=7")
    assert "the same images" not in " ".join(fresh.round) and "new images" in " ".join(fresh.round)
    parts = explained(registry, "mlp+minimax", *SMALL, "loop.accumulate=2")
    assert "the same images" not in " ".join(parts.round) and ("loop.accumulate", "2") in {
        (one.key, one.value) for one in parts.settings
    }
    assert any("7 times" in line for line in fresh.round) and "7 times a round" in fresh.updates[0].sentences[0]
    assert {(one.key, one.value) for one in fresh.settings} >= {("loop.discriminator_steps", "7")}
    assert fresh.command == f"ganzoo run mlp+wgan-gp {' '.join(SMALL)} loop.fresh_fakes=true loop.discriminator_steps=7"


def test_betas_are_a_setting_only_of_optimizers_that_use_them(registry):
    keys = {one.key for one in explained(registry, "mlp+minimax", *SMALL, "optimizer.generator.name=rmsprop").settings}
    assert {"optimizer.generator.lr", "optimizer.discriminator.betas"} <= keys
    assert "optimizer.generator.betas" not in keys


def test_where_a_loss_drives_a_verdict():
    def of(loss):
        return goal(tuple(loss(x) for x in LOGITS))

    assert of(lambda x: -x) == "up" and of(lambda x: x) == "down"
    assert of(lambda x: max(0, 1 - x)) == "up to 1" and of(lambda x: max(0, 1 + x)) == "down to -1"
    assert of(lambda x: (x - 1) ** 2) == "to 1" and of(lambda x: 3.0) == "" and goal(()) == ""


def test_a_strangers_combination():
    registry = strange_registry()
    system = explained(registry, "odd+strange+pull", "penalties.pull.weight=2", "penalties.pull.interval=4")
    size = 28 * 28
    assert f"{3 * size:,} weights" in lines(system, "generator")
    assert "3 → 1×28×28" in lines(system, "generator") and f"{size + 1:,} weights" in lines(system, "discriminator")
    assert "from the generator's own prior" in lines(system, "latents")
    assert [line.text for line in system.updates[1].formula][-2:] == [
        "+ 8 * (E[|x|], |x| < radius)", "pull, at every 4th step, radius = 0.25",
    ]  # fmt: skip
    assert "to 0" in " ".join(next(s for s in system.sections if s.title == "The two losses").sentences)
    said = text_of(system)
    assert "ganzoo-odd" in said and "distances <script" in " ".join(said.split()) and "\x1b" not in said
    for drawn in (to_page(system), to_svg(system)):
        assert "<script" not in drawn and "\x1b" not in drawn and "&lt;script" in drawn
    nothing = explained(registry, "odd+absolute")
    assert nothing.updates[0].formula[0].text == "D loss = (its plugin states no formula)"


def test_penalties_of_one_short_name():
    stranger = PenaltyEntry(name="gp", summary="Pulls", target=f"{__name__}:StrangePenalty", params=StrangeParams)
    registry = Registry.load(strict=False, files=[])
    registry.add(lambda: plugin_of(stranger), "odd", "ganzoo-odd", "1.0")
    system = explained(registry, "mlp+wgan-gp+ganzoo-odd:gp", *SMALL, "penalties.ganzoo_odd_gp.weight=3")
    assert [line.text for line in system.updates[0].formula][-2:] == [
        "+ 3 * ganzoo-odd:gp", "ganzoo-odd:gp, at every step",
    ]  # fmt: skip
    own, other = (section for section in system.sections if section.title == "Penalty")
    assert own.settings[0].key == "penalties.ganzoo_gp.weight" and "The loss adds it." in own.sentences[0]
    assert other.settings[0].key == "penalties.ganzoo_odd_gp.weight" and other.settings[0].value == "3.0"
    assert "The loss adds it." not in other.sentences[0]
    (alone,) = (part for part in explained(registry, "mlp+wgan-gp", *SMALL).sections if part.title == "Penalty")
    assert alone.settings[0].key == "penalties.gp.weight" and "The loss adds it." in alone.sentences[0]


def test_a_formula_of_another_form_is_shown_whole():
    entry = LossEntry(name="other", summary="", target="", formula="G: E[d]; t is a target")
    assert loss_formula(entry, "generator", entry.params())[0].text == "G loss = E[d]"
    assert "states no formula" in loss_formula(entry, "discriminator", entry.params())[0].text


def test_the_command(ganzoo, tmp_path):
    code, out, err = ganzoo("explain", "mlp+wgan-gp", *SMALL)
    assert code == 0 and not err
    assert "Discriminator loss" in out and out.rstrip().endswith("discriminator.width=16")
    assert not any(tmp_path.iterdir())
    code, out, _ = ganzoo("explain", "mlp+wgan-gp", *SMALL, "--html", "made/page.html", "--svg", "one.svg")
    assert code == 0 and out.splitlines() == ["made/page.html", "one.svg"]
    assert (tmp_path / "made/page.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "one.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mlp+minmax"], "did you mean minimax"),
        (["mlp+minimax", "loop.bach=3"], "loop.batch"),
        (["mlp+minimax", "--html", "."], "is a directory"),
        (["mlp+minimax", "--html", "x", "--svg", "x"], "a file for each"),
        (["mlp+minimax", "--svg", "file/x.svg"], "cannot write"),
    ],
)
def test_what_the_command_refuses(ganzoo, tmp_path, arguments, says):
    (tmp_path / "file").write_text("mine")
    code, out, err = ganzoo("explain", *arguments)
    assert code == 2 and not out
    assert says in err and len(err.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"
