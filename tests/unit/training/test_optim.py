"""Optimizers of timm get the configured settings that they take."""

from __future__ import annotations

import pytest
from torch import nn

from ganzoo.config.schema import OptimizerConfig
from ganzoo.errors import GanzooError
from ganzoo.training.optim import make_optimizer


@pytest.mark.parametrize("name", ["adamw", "nadam", "lamb", "lion", "lookahead_radam"])
def test_betas_reach_every_optimizer_that_takes_two(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0]["betas"] == (0.25, 0.75)


def test_an_optimizer_with_second_derivatives_is_refused():
    with pytest.raises(GanzooError, match="'adahessian': it needs second derivatives; choose another"):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(name="adahessian"))


def test_kron_draws_the_same_numbers_after_a_resume():
    """Otherwise it draws from torch's global random state, which no checkpoint holds."""
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name="kron"))
    assert made.deterministic


@pytest.mark.parametrize("name", ["Adam", "my_adam", "lookahead_Adam", "Adahessian", "nothing"])
def test_other_spellings_are_refused(name):
    """timm accepts some of them, but would not give them the settings of the optimizer that they mean."""
    with pytest.raises(GanzooError, match=f"'{name}': neither timm nor a plugin has it"):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name))


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adan", "adafactor"])
def test_other_optimizers_keep_their_own(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0].get("betas") != (0.25, 0.75)
