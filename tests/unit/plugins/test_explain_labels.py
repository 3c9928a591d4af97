"""`explain` and `--dry-run` say whether and how labels enter each network, and which parts read them."""

from __future__ import annotations

import io

import click
import pytest
from rich.console import Console
from support import researcher

from ganzoo.cli.dry_run import print_dry_run
from ganzoo.config.resolve import resolve
from ganzoo.plugin.registry import Registry
from ganzoo_explain.describe import describe
from ganzoo_explain.page import to_page
from ganzoo_explain.svg import to_svg
from ganzoo_explain.terminal import print_system

SMALL = ["loop.batch=5", "data.size=8"]


@pytest.fixture(scope="module")
def zoo() -> Registry:
    registry = Registry.load(strict=True)
    registry.add(lambda: researcher, "researcher", "researcher")
    return registry


@pytest.fixture
def explained(zoo):
    def explain(recipe, *settings):
        return describe(resolve(zoo, recipe, None, [*SMALL, *settings]))

    return explain


def lines(system, key):
    return [line.text for line in system.part(key).lines]


def text_of(system, width):
    console = Console(width=width, record=True, file=io.StringIO())
    print_system(system, console)
    return console.export_text()


def words(system):
    return {section.title: " ".join(section.sentences) for section in system.sections}


def labels_of_arrows(system):
    return {(arrow.source, arrow.target): arrow.label for arrow in system.arrows}


def test_a_conditional_pair_with_a_class_head(explained):
    system = explained("labelled+observing+class-head")
    assert "told the class" in lines(system, "generator") and "told the class" in lines(system, "discriminator")
    assert "class head: 10 logits" in lines(system, "discriminator")
    assert "with labels of 10 classes" in lines(system, "dataset")
    arrows = labels_of_arrows(system)
    assert arrows["latents", "generator"] == "5×4 + 5 labels"
    assert arrows["reals", "discriminator"] == arrows["fakes", "discriminator"] == "5×1×8×8 + 5 labels"
    said = words(system)
    told = "It gets the class, one of 10, in addition to the random numbers and cannot do without it"
    assert told in said["Generator"]
    assert "It is told the class of each image" in said["Discriminator"]
    assert "which of the 10 classes the image shows; class-head reads it" in said["Discriminator"]
    assert "It reads the labels beside the logits." in said["The two losses"]
    assert "It reads the labels and the class logits beside the logits." in said["Penalty"]
    assert "A further term in each network's loss" in said["Penalty"]
    for network in ("generator", "discriminator"):
        assert any("class-head" in line for line in lines(system, f"loss_{network}"))
    assert "5 real images are drawn with their labels" in system.round[0] and "of a real one" in system.round[0]
    for told in (text_of(system, 200), to_page(system), to_svg(system)):
        assert "told the class" in told and "class head" in told


@pytest.mark.parametrize("width", [60, 80])
def test_the_shapes_with_labels_are_whole_in_a_narrow_terminal(explained, width):
    system = explained("labelled+observing+class-head", "loop.batch=128")
    assert text_of(system, width).count("128×1×8×8 + 128 labels") == 2


def test_the_augmentation_hands_the_labels_on(explained):
    arrows = labels_of_arrows(explained("labelled+hinge+diffaug"))
    assert arrows["reals", "augmentation"] == "5×1×8×8"
    assert arrows["augmentation", "discriminator"] == "5×1×8×8 + 5 labels"


def test_one_side_that_is_told_and_features_by_name(explained):
    system = explained("labelled+hinge+reads-body", "discriminator.conditional=false")
    assert "told the class" in lines(system, "generator") and "told the class" not in lines(system, "discriminator")
    assert "gives body" in lines(system, "discriminator")
    said = words(system)
    assert "It is not told which of the 10 classes an image belongs to." in said["Discriminator"]
    assert "returns 'body', a tensor of 16 for each image; reads-body reads it" in said["Discriminator"]
    assert "It reads 'body' beside the logits." in said["Penalty"]


def test_no_network_is_told(explained):
    system = explained("mlp+hinge", "generator.width=8", "discriminator.width=8")
    said = words(system)
    assert "Their 10 classes are not used" in said["Real images"]
    assert "It is not told which of the 10 classes to make." in said["Generator"]
    assert labels_of_arrows(system)["latents", "generator"] == "5×64"
    assert "labels of" not in " ".join(lines(system, "dataset"))


def test_without_labels_nothing_is_said_of_classes(explained):
    system = explained("mlp+hinge", "generator.width=8", "discriminator.width=8", "data.labels=none")
    assert "class" not in words(system)["Generator"] + words(system)["Discriminator"] + words(system)["Real images"]


def test_a_logit_for_each_patch(explained):
    system = explained("mlp/patchy+patches", "generator.width=8", "discriminator.conditional=false")
    assert "a logit for each of 4×4 patches; the verdict on an image is their mean" in words(system)["Discriminator"]
    assert lines(system, "discriminator")[2].endswith("→ 4×4")
    assert labels_of_arrows(system)["discriminator", "d_real"] == "5×4×4"


def test_the_embedding_of_a_label_is_no_stage_of_an_image(explained):
    assert lines(explained("labelled+hinge"), "generator")[2] == "4 → 16 → 64 → 1×8×8"


@pytest.mark.parametrize(
    ("recipe", "settings", "says"),
    [
        ("labelled+hinge+class-head", [], ["(5, 4) + labels (5,) of 10 classes -> (5, 1, 8, 8)",
                                           "(5, 1, 8, 8) + labels (5,) of 10 classes -> (5,)"]),
        ("mlp/patchy+patches", ["generator.width=8"], ["-> (5, 1, 8, 8)", "(5, 1, 8, 8) -> (5, 4, 4)"]),
    ],
)  # fmt: skip
def test_a_dry_run_gives_labels_and_says_so(zoo, capsys, recipe, settings, says):
    print_dry_run(resolve(zoo, recipe, None, [*SMALL, "loop.device=cpu", *settings]))
    printed = click.unstyle(capsys.readouterr().out)
    assert all(line in printed for line in says)


def test_a_penalty_on_both_networks_shows_each_its_side(explained):
    small = ["generator.width=8", "discriminator.width=8", "generator.conditional=true"]
    system = explained("dcgan+hinge+acgan", *small)
    shown = {network: " ".join(lines(system, f"loss_{network}")) for network in ("discriminator", "generator")}
    assert "log P(label|real)" in shown["discriminator"] and "log P(label|fake)" in shown["discriminator"]
    assert "log P(label|fake)" in shown["generator"] and "P(label|real)" not in shown["generator"]
    assert all(" D: " not in told and " G: " not in told for told in shown.values())
