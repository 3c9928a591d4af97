"""Two distributions that register the same name: the full names work, and the short name is refused."""

from __future__ import annotations

import pytest
from support.violations import plugin_of

from ganzoo.cli.main import main
from ganzoo.config.recipe import parse_data, parse_recipe
from ganzoo.config.resolve import resolve
from ganzoo.entries import (
    ArchitectureEntry,
    DatasetEntry,
    ImageSpec,
    LossEntry,
    PenaltyEntry,
    PenaltyParams,
)
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry

HINGE = LossEntry(name="hinge", summary="another hinge", target="stranger:Hinge", formula="none", penalties=("gp",))
OTHERS = (
    HINGE,
    PenaltyEntry(name="gp", summary="another gp", target="stranger:GP", params=PenaltyParams),
    DatasetEntry(name="folder", summary="another directory", target="stranger:Folder", takes_location=True),
    ArchitectureEntry(
        name="stranger",
        summary="a pair",
        generator="stranger:G",
        discriminator="stranger:D",
        tuned={"hinge": {"loop.batch": 7}, "ganzoo:hinge": {"loop.batch": 9}},
    ),
)


@pytest.fixture(scope="module")
def clashing() -> Registry:
    """The zoo and a third-party plugin whose loss, penalty and data set have the same names as the zoo's."""
    registry = Registry.load(strict=False, files=[])
    registry.add(lambda: plugin_of(*OTHERS), "stranger", "Ganzoo_Stranger", "2.0")
    return registry


def test_both_are_named_and_neither_wins(clashing):
    with pytest.raises(GanzooError) as caught:
        clashing.get(LossEntry, "hinge")
    message = "the loss 'hinge' is registered by ganzoo 0.1.0 and by Ganzoo_Stranger 2.0"
    assert str(caught.value) == f"{message}; write ganzoo:hinge or Ganzoo_Stranger:hinge"
    assert str(caught.value) in clashing.clashes.values() and len(clashing.clashes) == 3
    assert not [plugin.error for plugin in clashing.plugins if plugin.error]
    assert {"ganzoo:hinge", "Ganzoo_Stranger:hinge"} < set(clashing.entries["loss"])
    assert "hinge" not in clashing.entries["loss"]


@pytest.mark.parametrize("name", ["Ganzoo_Stranger:hinge", "ganzoo-stranger:hinge", "ganzoo.stranger:hinge"])
def test_the_full_name_works_however_the_distribution_is_spelt(clashing, name):
    assert clashing.get(LossEntry, name).summary == "another hinge"
    assert clashing.get(LossEntry, name).owner.distribution == "Ganzoo_Stranger"


def test_the_full_name_works_without_a_clash(registry):
    assert registry.get(LossEntry, "ganzoo:hinge") is registry.get(LossEntry, "hinge")
    assert str(parse_recipe("ganzoo:dcgan/ganzoo:mlp+ganzoo:hinge+ganzoo:r1", registry)) == "dcgan/mlp+hinge+r1"
    with pytest.raises(GanzooError, match="unknown loss 'stranger:hinge'"):
        registry.get(LossEntry, "stranger:hinge")
    with pytest.raises(GanzooError, match="'ganzoo:gp' is a penalty, expected a loss"):
        registry.get(LossEntry, "ganzoo:gp")


@pytest.mark.parametrize(
    "text", ["mlp+ganzoo:hinge", "mlp+ganzoo-stranger:hinge", "mlp+wgan-gp", "mlp+minimax+ganzoo:gp"]
)
def test_a_recipe_in_its_shortest_form_is_the_same_recipe(clashing, text):
    recipe = parse_recipe(text, clashing)
    assert parse_recipe(str(recipe), clashing) == recipe


def test_a_loss_brings_its_own_distributions_penalty(clashing):
    (brought,) = parse_recipe("mlp+wgan-gp", clashing).penalties
    assert brought.name == "ganzoo:gp"
    (brought,) = parse_recipe("mlp+ganzoo-stranger:hinge", clashing).penalties
    assert brought.name == "Ganzoo_Stranger:gp"


def test_settings_keep_their_keys(clashing, registry):
    """penalties.gp.weight is still valid with the third-party gp installed, so that earlier runs can be resumed."""
    config = resolve(clashing, "mlp+wgan-gp", None, ["penalties.gp.weight=3"])
    assert config.values.penalties.gp.weight == 3
    assert resolve(registry, "mlp+wgan-gp", None, ["penalties.gp.weight=3"]).as_dict() == config.as_dict()
    both = resolve(clashing, "mlp+wgan-gp+ganzoo-stranger:gp", None, ["penalties.Ganzoo_Stranger_gp.weight=5"])
    assert both.values.penalties.Ganzoo_Stranger_gp.weight == 5 and both.values.penalties.ganzoo_gp.weight == 10


def test_tuned_settings_are_for_the_loss_that_was_meant(clashing):
    assert resolve(clashing, "stranger+ganzoo-stranger:hinge").values.loop.batch == 7
    assert resolve(clashing, "stranger+ganzoo:hinge").values.loop.batch == 9
    assert resolve(clashing, "stranger+minimax").values.loop.batch == 64


def test_data_sets_with_and_without_a_location(clashing, registry):
    for given, name, location in (
        ("mnist", "mnist", None),
        ("ganzoo:mnist", "mnist", None),
        ("folder:a:b", "folder", "a:b"),
        ("ganzoo:folder:a:b", "folder", "a:b"),
    ):
        entry, found = parse_data(given, registry)
        assert (entry.name, found) == (name, location)
    assert parse_data("ganzoo-stranger:folder:x", clashing)[0].summary == "another directory"
    with pytest.raises(GanzooError, match="write ganzoo:folder or Ganzoo_Stranger:folder"):
        parse_data("folder:x", clashing)


def test_strict_refuses_a_clash():
    registry = Registry.load(strict=True, files=[])
    with pytest.raises(GanzooError, match=r"'hinge' is registered by ganzoo .* and by other 1"):
        registry.add(lambda: plugin_of(HINGE), "other", "other", "1")


def test_a_third_claim_and_two_of_one_distribution():
    registry = Registry.load(strict=False, files=[])
    for distribution in ("one", "two"):
        assert not registry.add(lambda: plugin_of(HINGE), "p", distribution, "1").error
    assert "by one 1 and by two 1" in registry.clashes["loss", "hinge"]
    again = registry.add(lambda: plugin_of(HINGE), "q", "two", "1")
    assert again.error == "ValueError: two registers the loss 'hinge' twice"
    assert [report.registered for report in registry.plugins[-3:]] == [
        [("loss", "one:hinge")],
        [("loss", "two:hinge")],
        [],
    ]


def test_info_shows_both_and_list_says_what_to_write(clashing, monkeypatch, capsys):
    monkeypatch.setattr(Registry, "load", lambda *_, **__: clashing)

    def run(*arguments: str) -> tuple[str, str]:
        with pytest.raises(SystemExit):
            main(list(arguments))
        return capsys.readouterr()

    out, err = run("info", "hinge")
    assert "ganzoo:hinge  loss, from ganzoo 0.1.0" in out and "Ganzoo_Stranger:hinge  loss, from Ganzoo_Stranger" in out
    assert "write ganzoo:hinge or Ganzoo_Stranger:hinge" in err
    out, _ = run("info", "ganzoo-stranger:hinge")
    assert "another hinge" in out and "from ganzoo 0.1.0" not in out
    assert "ganzoo run dcgan+Ganzoo_Stranger:hinge" in out
    out, err = run("list")
    assert "  ganzoo:gp " in out and "write ganzoo:gp or Ganzoo_Stranger:gp" in err
    assert "write ganzoo:gp or Ganzoo_Stranger:gp" in run("plugins")[0]


def test_an_image_spec_is_none_of_this(clashing):
    """A data set that only one distribution registers keeps its short name."""
    assert clashing.get(DatasetEntry, "mnist").image == ImageSpec(1, 28, 10)
