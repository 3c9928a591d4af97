"""Optimizers of timm get the configured settings that they take."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from ganzoo.config.schema import OptimizerConfig
from ganzoo.errors import GanzooError
from ganzoo.training.optim import load_state, make_optimizer, state_of


@pytest.mark.parametrize("name", ["adamw", "nadam", "lamb", "lion", "lookahead_radam"])
def test_betas_reach_every_optimizer_that_takes_two(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0]["betas"] == (0.25, 0.75)


def test_an_optimizer_with_second_derivatives_is_refused():
    with pytest.raises(GanzooError, match="'adahessian': it needs second derivatives; choose another"):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(name="adahessian"))


@pytest.mark.parametrize("name", ["kron", "lookahead_kron"])
def test_kron_draws_the_same_numbers_after_a_resume(name, monkeypatch):
    """Otherwise it draws from torch's global random state, which no checkpoint holds."""
    monkeypatch.setattr("ganzoo.training.optim.find_spec", lambda name: name)
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name))
    assert getattr(made, "_base_optimizer", made).deterministic


def test_kron_is_refused_without_the_package_that_bounds_its_memory(monkeypatch):
    monkeypatch.setattr("ganzoo.training.optim.find_spec", lambda name: None)
    with pytest.raises(GanzooError, match="'kron': it fills the memory without opt_einsum"):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(name="kron"))


@pytest.mark.parametrize("name", ["Adam", "my_adam", "lookahead_Adam", "Adahessian", "nothing"])
def test_other_spellings_are_refused(name):
    """timm accepts some of them, but would not give them the settings of the optimizer that they mean."""
    with pytest.raises(GanzooError, match=f"'{name}': neither timm nor a plugin has it"):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name))


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adan", "adafactor"])
def test_other_optimizers_keep_their_own(name):
    made = make_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name, betas=[0.25, 0.75]))
    assert made.param_groups[0].get("betas") != (0.25, 0.75)


def test_moments_of_another_memory_layout_train_the_same_weights():
    """A fused optimizer walks raw memory, so moments in another layout would be applied to the wrong weights."""

    def network() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return conv, torch.optim.Adam(conv.parameters(), fused=True)

    def train(conv: nn.Module, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        optimizer.zero_grad()
        conv(images).square().sum().backward()
        optimizer.step()
        return conv.weight.detach().clone()

    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    conv, optimizer = network()
    train(conv, optimizer)
    saved, weights = deepcopy(state_of(optimizer)), deepcopy(conv.state_dict())
    for moments in saved["state"].values():
        moments.update({name: value.contiguous() for name, value in moments.items()})
    expected = train(conv, optimizer)
    other, restored = network()
    other.load_state_dict(weights)
    load_state(restored, saved)
    torch.testing.assert_close(train(other, restored), expected)
