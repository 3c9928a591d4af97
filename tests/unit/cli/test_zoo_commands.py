"""`ganzoo list` and `ganzoo info` say whose a part is and how it is used."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace

import pytest
from click.testing import CliRunner
from support.strangers import ABSOLUTE, with_stranger

from ganzoo import ArchitectureEntry, AugmentationEntry
from ganzoo.cli import info
from ganzoo.cli.commands import app
from ganzoo.config.resolve import resolve
from ganzoo.entries import Entry, ImageSpec
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry


@pytest.fixture
def ganzoo(monkeypatch):
    """Its output, with a stranger's loss among what is installed."""
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
    assert "used where none is named" in ganzoo("info", "local") + ganzoo("info", "fashion-10k")


def all_entries() -> list[Entry]:
    return [entry for entries in Registry.load(strict=True).entries.values() for entry in entries.values()]


@pytest.mark.parametrize("entry", all_entries(), ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_every_example_would_run(registry, ganzoo, entry):
    program, verb, *arguments = shlex.split(ganzoo("info", entry.name).rstrip().splitlines()[-1])
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
    config = resolve(registry, arguments[0], None, arguments[1:])
    values = config.values
    used = {part.name for part in (*config.recipe.parts, *config.scoring.used)}
    used |= {values.data.name.partition(":")[0], *values.metrics.names}
    assert verb == "run" and entry.name in used
    if entry in config.recipe.parts:
        build_model(config, ImageSpec(1, 28, 10))


def test_an_example_takes_a_loss_that_goes_with_the_part(registry):
    """Whatever is registered first: not one that brings the penalty, nor one without the border the part needs."""
    losses = registry.entries["loss"]
    turned = with_stranger()
    turned.entries["loss"] = {"wgan-gp": losses["wgan-gp"], **losses}
    for entry in (registry.entries["penalty"]["gp"], registry.entries["augmentation"]["ada"]):
        assert isinstance(entry, AugmentationEntry) or entry.name in losses["wgan-gp"].penalties
        example = info._example(turned, entry)
        assert "wgan-gp" not in example
        resolve(registry, shlex.split(example)[2], None)
