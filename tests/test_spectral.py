"""Spectral normalisation: every weight of a discriminator that asks for it has a largest singular value of 1."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.entries import ArchitectureEntry, Needs, PictureSpec
from ganzoo.registry import load_target
from ganzoo.spectral import spectral
from ganzoo_stylegan_lite.layers import EqualConv, EqualLinear

PICTURE = PictureSpec(1, 28)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("dcgan", {"norm": "spectral", "width": 8}),
        ("sngan", {"spectral": True, "width": 8}),
        ("mlp", {"spectral": True, "width": 8}),
        ("stylegan-lite", {"spectral": True, "width": 8}),
    ],
)
@pytest.mark.parametrize("wanted", [True, False])
def test_the_largest_singular_value_is_one(registry, name: str, params: dict[str, Any], wanted: bool) -> None:
    entry = registry.get(ArchitectureEntry, name)
    torch.manual_seed(0)
    if not wanted:
        params = {**params, "norm": "none"} if "norm" in params else {**params, "spectral": False}
    network = load_target(entry.discriminator)(PICTURE, entry.discriminator_params(**params), Needs()).train()
    for _ in range(100):  # each pass improves the estimate by a step of the power method
        network(torch.zeros(2, 1, 28, 28))
    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear, EqualConv, EqualLinear))]
    norms = torch.stack([torch.linalg.matrix_norm(layer.weight.flatten(1), 2) for layer in layers])
    assert len(layers) >= 3
    assert torch.allclose(norms, torch.ones_like(norms), atol=0.02) is wanted


@pytest.mark.parametrize("last", [False, True], ids=["as stored", "channels last"])
def test_value_and_gradient_are_those_of_the_exact_norm(last: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 8, 4)
    weight = layer.weight.detach().clone().requires_grad_(True)
    spectral(layer)
    if last:
        layer.to(memory_format=torch.channels_last)
    for _ in range(100):
        _ = layer.weight
    exact = weight / torch.linalg.matrix_norm(weight.flatten(1), 2)
    assert torch.allclose(layer.weight, exact, atol=1e-5)
    direction = torch.randn_like(exact)
    (exact * direction).sum().backward()
    (layer.weight * direction).sum().backward()
    assert torch.allclose(layer.parametrizations.weight.original.grad, weight.grad, atol=1e-4)


def test_only_training_improves_the_estimate_and_autocast_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = spectral(nn.Linear(20, 10))
    estimate = layer.parametrizations.weight[0].u
    before = estimate.clone()
    weight = layer.eval().weight
    assert torch.equal(estimate, before)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, weight)
    _ = layer.train().weight
    assert not torch.equal(estimate, before)
