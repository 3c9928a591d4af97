"""`ganzoo list` and `ganzoo info` show which distribution a part comes from and how to use it."""

from __future__ import annotations

import importlib
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.strangers import ABSOLUTE, with_stranger

from ganzoo import ArchitectureEntry, AugmentationEntry
from ganzoo.cli import info
from ganzoo.cli.commands import app
from ganzoo.config.resolve import resolve
from ganzoo.entries import Entry, ImageSpec, Needs
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry


@pytest.fixture
def ganzoo(monkeypatch):
    """A function that runs the command line, with a third-party loss installed, and returns its output."""
    registry = with_stranger(replace(ABSOLUTE, paper="Somebody 2020", formula="E[|d|]"))
    monkeypatch.setattr(Registry, "load", lambda: registry)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_the_list_is_by_kind_and_says_whose_each_part_is(ganzoo):
    lines = ganzoo("list").splitlines()
    kinds = [line for line in lines if not line.startswith(" ")]
    assert kinds[:3] == ["architectures", "losses", "penalties"]
    losses = [line.split(maxsplit=2) for line in lines[lines.index("losses") + 1 : lines.index("penalties")]]
    assert ["absolute", "ganzoo-absolute", "Absolute distances"] in losses
    assert {owner for name, owner, _ in losses if name != "absolute"} == {"ganzoo"}


def test_a_part_is_explained_to_the_last_parameter(ganzoo, registry):
    out = ganzoo("info", "absolute")
    for said in ("loss, from ganzoo-absolute 1.0", "Absolute distances", "paper: Somebody 2020", "formula: E[|d|]",
                 "+absolute\n"):  # fmt: skip
        assert said in out
    for kind, name, title in [("architecture", "stylegan-lite", "generator"), ("launcher", "local", "--launcher-set"),
                              ("augmentation", "ada", "augmentation")]:  # fmt: skip
        entry, out = registry.entries[kind][name], ganzoo("info", name)
        params = entry.generator_params if isinstance(entry, ArchitectureEntry) else entry.params
        assert title in out.splitlines() and fields(params)
        for field in fields(params):
            assert f"  {field.name}: {field.type} = " in out
    assert "and with minimax\n  discriminator.spectral=True" in ganzoo("info", "stylegan-lite")
    assert "used if none is named" in ganzoo("info", "local") + ganzoo("info", "fashion-10k")


@pytest.fixture
def researcher(monkeypatch):
    """The zoo with the parts of support.researcher and the step bigan, and a function that runs ``ganzoo`` on it."""
    registry = with_stranger()
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs"))
    for name in ("support.researcher", "bigan"):
        module = importlib.import_module(name)
        registry.add(lambda module=module: module, name, "ganzoo-researcher", "1.0")
    monkeypatch.setattr(Registry, "load", lambda: registry)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return registry, call


def test_steps_and_optimizers_are_listed_and_explained(researcher):
    registry, ganzoo = researcher
    lines = [line.split(maxsplit=2) for line in ganzoo("list").splitlines()]
    for heading, name in (("steps", "bigan"), ("optimizers", "descent")):
        assert lines[lines.index([heading]) + 1][:2] == [name, "ganzoo-researcher"]
    out = ganzoo("info", "bigan")
    for said in ("step, from ganzoo-researcher 1.0", "paper: Donahue", "\nstep\n  width: int = 256  units of"):
        assert said in out
    assert resolve(registry, shlex.split(out.splitlines()[-1])[2], None).recipe.step.name == "bigan"
    out = ganzoo("info", "descent")
    assert "on CUDA, steps run eagerly with it" in out
    recipe, *settings = shlex.split(out.splitlines()[-1])[2:]
    assert list(resolve(registry, recipe, None, settings).optimizers) == ["descent"]


def test_info_says_what_a_part_needs_and_whom_it_regularises(researcher):
    _, ganzoo = researcher
    out = ganzoo("info", "class-head")
    for said in (
        "needs images with labels",
        "needs a discriminator that gives classes",
        "regularises both networks",
    ):
        assert f"{said}\n" in out


def all_entries() -> list[Entry]:
    return [entry for entries in Registry.load(strict=True).entries.values() for entry in entries.values()]


@pytest.mark.parametrize("entry", all_entries(), ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_every_example_would_run(registry, ganzoo, entry):
    lines = ganzoo("info", entry.name).splitlines()  # two kinds may share a name, such as a metric and a command
    (own,) = (number for number, line in enumerate(lines) if line.startswith(f"{entry.name}  {entry.kind},"))
    program, verb, *arguments = shlex.split(lines[lines.index("example", own) + 1])
    assert program == "ganzoo"
    if verb == "bench":
        from ganzoo.bench.grid import load_grid

        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        changes = {"architectures": [options["--arch"]], "losses": [options["--loss"]], "kimg": options["--kimg"]}
        assert load_grid(None, changes) and options["--launcher"] == entry.name
        return
    if entry.kind == "command":
        assert (verb, arguments) == (entry.name, ["--help"])
        return
    if entry.kind == "store":
        assert verb == "sample" and arguments[0].startswith(f"{entry.name}://")
        return
    if entry.kind == "weights":
        assert (verb, arguments) == ("sample", [entry.name])
        return
    config = resolve(registry, arguments[0], None, arguments[1:])
    values = config.values
    used = {part.name for part in (*config.recipe.parts, *config.scoring.used)}
    used |= {values.data.name.partition(":")[0], *values.metrics.names}
    assert verb == "run" and entry.name in used
    if entry in config.recipe.parts:
        build_model(config, ImageSpec(1, 28, 10))


def test_an_example_takes_a_loss_that_goes_with_the_part(registry):
    """The examples of gp and ada skip wgan-gp, even if it is registered first: it brings gp and has no border at 0."""
    losses = registry.entries["loss"]
    turned = with_stranger()
    turned.entries["loss"] = {"wgan-gp": losses["wgan-gp"], **losses}
    for entry in (registry.entries["penalty"]["gp"], registry.entries["augmentation"]["ada"]):
        assert isinstance(entry, AugmentationEntry) or entry.name in losses["wgan-gp"].penalties
        example = info._example(turned, entry)
        assert "wgan-gp" not in example
        resolve(registry, shlex.split(example)[2], None)


def test_an_example_of_a_part_with_needs_of_its_own_takes_its_distributions_architecture(registry):
    zoo = with_stranger()
    owner, mlp = zoo.entries["loss"]["absolute"].owner, zoo.entries["architecture"]["mlp"]
    zoo.entries["architecture"]["autoencoder"] = replace(mlp, name="autoencoder", owner=owner)
    reconstructs = replace(ABSOLUTE, needs=Needs(outputs=("reconstruction",)), owner=owner)
    assert info._example(zoo, reconstructs).split()[2].startswith("autoencoder+")
    assert not info._example(zoo, replace(ABSOLUTE, owner=owner)).split()[2].startswith("autoencoder")
