"""Optimizers of timm get the configured settings that they take."""

from __future__ import annotations

import pytest
from torch import nn

from ganzoo.config.schema import OptimizerConfig
from ganzoo.training.optim import make_optimizer


@pytest.mark.parametrize("name", ["adamw", "nadam", "lamb", "lion", "lookahead_radam"])
def test_betas_reach_every_optimizer_that_takes_two(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0]["betas"] == (0.25, 0.75)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adan", "adafactor"])
def test_other_optimizers_keep_their_own(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0].get("betas") != (0.25, 0.75)
