"""Which settings of a run may change while it trains."""

from __future__ import annotations

import pytest

from ganzoo.config.changes import changes_between, in_words, may_change, refused
from ganzoo.config.resolve import resolve


@pytest.mark.parametrize(
    "key",
    ["loop.kimg", "loop.batch", "optimizer.generator.lr", "ema.ramp_up", "data.root", "metrics.weights.inception"],
)
def test_what_may_change(key):
    assert may_change(key)


@pytest.mark.parametrize(
    "key",
    [
        "recipe",
        "seed",
        "data.size",
        "generator.width",
        "loss.weight",
        "penalties.gp.weight",
        "optimizer.generator.name",
        "optimizer.generator.options.lr",
        "loop.discriminator_steps",
        "loop.fresh_fakes",
    ],
)
def test_what_may_not(key):
    assert not may_change(key)


def test_every_setting_that_may_change_exists(registry):
    """Each name in MAY_CHANGE is a setting; if one were outdated, changes of the renamed setting would be refused."""
    from ganzoo.config.changes import MAY_CHANGE

    config = resolve(registry, "mlp+minimax").as_dict()
    for section, names in MAY_CHANGE.items():
        node = config
        for part in section.split("."):
            node = node[part]
        assert set(names) <= node.keys()


def test_the_difference_of_two_configurations(registry):
    one, other = (resolve(registry, "mlp+minimax", None, [f"loop.kimg={kimg}", "seed=3"]) for kimg in (2, 4))
    changes = changes_between(one.as_dict(), other.as_dict())
    assert changes == {"loop.kimg": (2.0, 4.0)}
    assert in_words(changes) == "loop.kimg from 2.0 to 4.0"
    assert changes_between({"a": {"b": 1}}, {}) == {"a.b": (1, None)}


def test_of_another_recipe_the_recipe_alone_is_named():
    assert refused(["loss.x", "recipe", "seed"]) == ["recipe"]
    assert refused(["loop.kimg", "seed"]) == ["seed"]
