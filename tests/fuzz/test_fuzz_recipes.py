"""Recipes and data names of any text: each is refused in one line, or its written form is read as the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import clean, texts

from ganzoo.config.recipe import parse_data, parse_recipe
from ganzoo.plugin.registry import Registry

REGISTRY = Registry.load(strict=True)
NAMES = sorted(name for kind in REGISTRY.entries.values() for name in kind)
part = st.one_of(st.sampled_from(NAMES), st.sampled_from([f"ganzoo:{name}" for name in NAMES]), texts)
blank = st.sampled_from(["", "", "", " ", "\t", "\u3000"])
recipes = st.lists(st.tuples(part, blank, st.sampled_from("++++/:")), min_size=1, max_size=7).map(
    lambda parts: "".join("".join(one) for one in parts)[:-1]
)
likely = st.builds(
    lambda generator, own, loss, extras: "+".join([generator if own is None else f"{generator}/{own}", loss, *extras]),
    st.sampled_from(sorted(REGISTRY.entries["architecture"])),
    st.none() | st.sampled_from(sorted(REGISTRY.entries["architecture"])),
    st.sampled_from(sorted(REGISTRY.entries["loss"])),
    st.lists(st.sampled_from(sorted({**REGISTRY.entries["penalty"], **REGISTRY.entries["augmentation"]})), max_size=3),
)


@given(likely | recipes | texts)
@example("dcgan+" * 20_000)
@example("a" * 1_000_000)
def test_a_recipe_is_refused_in_a_line_or_reads_as_it_is_written(text):
    recipe = clean(parse_recipe, text, REGISTRY)
    if recipe is not None:
        assert clean(parse_recipe, str(recipe), REGISTRY) == recipe
        assert len(recipe.penalty_keys) == len(recipe.penalties)


@given(st.builds(lambda name, rest: f"{name}:{rest}", part, texts) | texts)
def test_a_data_set_is_found_or_refused_in_a_line(text):
    found = clean(parse_data, text, REGISTRY)
    if found is not None:
        entry, location = found
        assert clean(parse_data, entry.name if location is None else f"{entry.name}:{location}", REGISTRY) == found


@pytest.mark.parametrize("text", ["\x1b[31m+minimax", "dcgan\0+minimax", "mlp+minimax\ud800", "mlp+" + "x" * 10_000])
def test_what_an_error_quotes_steers_no_terminal(registry, text):
    assert clean(parse_recipe, text, registry) is None
