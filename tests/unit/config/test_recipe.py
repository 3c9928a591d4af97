from __future__ import annotations

import pytest

from ganzoo.config.recipe import parse_recipe
from ganzoo.errors import GanzooError


def test_a_recipe_names_its_parts(registry):
    recipe = parse_recipe("stylegan-lite/dcgan+minimax+r1", registry)
    assert recipe.generator.name == "stylegan-lite"
    assert recipe.discriminator.name == "dcgan"
    assert recipe.loss.name == "minimax"
    assert [p.name for p in recipe.penalties] == ["r1"]


def test_a_loss_brings_its_penalties_and_needs(registry):
    recipe = parse_recipe("dcgan+wgan-gp", registry)
    assert [p.name for p in recipe.penalties] == ["gp"]
    assert recipe.needs.per_sample
    assert not parse_recipe("dcgan+minimax", registry).needs.per_sample


@pytest.mark.parametrize("text", ["dcgan+wgan-gp", "dcgan/mlp+minimax", "mlp+non-saturating+r1+r2"])
def test_the_shortest_form_parses_to_the_same(registry, text):
    assert str(parse_recipe(text, registry)) == text


def test_naming_a_brought_penalty_changes_nothing(registry):
    assert str(parse_recipe("dcgan+wgan-gp+gp", registry)) == "dcgan+wgan-gp"


@pytest.mark.parametrize("text", ["", "dcgan", "+wgan-gp", "dcgan+", "dcgan++gp", "a/b/c+minimax", "dcgan/+minimax"])
def test_malformed_recipes_state_the_grammar(registry, text):
    with pytest.raises(GanzooError, match="ARCH"):
        parse_recipe(text, registry)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dcgna+minimax", "did you mean dcgan"),
        ("dcgan+wgan-pg", "did you mean wgan-gp"),
        ("dcgan+gp", "'gp' is a penalty, expected a loss"),
        ("minimax+dcgan", "'minimax' is a loss, expected an architecture"),
        ("dcgan+minimax+wgan-gp", "'wgan-gp' is a loss, expected a penalty or an augmentation"),
        ("dcgan+minimax+r1+r1", "twice"),
        ("zzz+minimax", "installed: biggan-lite, dcgan, mlp, sngan, stylegan-lite"),
    ],
)
def test_unknown_parts_are_explained(registry, text, says):
    with pytest.raises(GanzooError, match=says):
        parse_recipe(text, registry)
