"""Spectral normalisation: every weight of a discriminator that asks for it has a largest singular value of 1."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.entries import ArchitectureEntry, Needs, PictureSpec
from ganzoo.registry import load_target

PICTURE = PictureSpec(1, 28)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("dcgan", {"norm": "spectral", "width": 8}),
        ("sngan", {"spectral": True, "width": 8}),
        ("mlp", {"spectral": True, "width": 8}),
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
    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    norms = torch.stack([torch.linalg.matrix_norm(layer.weight.flatten(1), 2) for layer in layers])
    assert len(layers) >= 3
    assert torch.allclose(norms, torch.ones_like(norms), atol=0.02) is wanted
