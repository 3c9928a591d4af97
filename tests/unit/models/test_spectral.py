"""Spectral normalisation gives every weight of a discriminator a largest singular value of 1."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.models.spectral import FIRST_PASSES, Division, Estimate, normalise_together, spectral
from ganzoo_stylegan_lite.layers import EqualConv, EqualLinear

IMAGE = ImageSpec(1, 28)


def test_functional_transforms_have_the_same_gradient():
    torch.manual_seed(0)
    layer, inputs = spectral(nn.Linear(4, 3)), torch.randn(5, 4)
    layer.eval()
    weights = dict(layer.named_parameters())
    found = torch.func.grad(lambda own: torch.func.functional_call(layer, own, (inputs,)).square().sum())(weights)
    layer(inputs).square().sum().backward()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


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
    network = entry.load_discriminator()(IMAGE, entry.discriminator_params(**params), Needs()).train()
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


def reference(weight: Tensor, v: Tensor) -> Tensor:
    """Return a weight over |W v|, where v is scaled to unit length, from plain operators."""
    return weight / (weight.movedim(1, -1).flatten(1) @ (v / v.norm())).norm()


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 2, 2), (2, 5, 1, 1), (1, 7)])
@pytest.mark.parametrize("last", [False, True], ids=["as stored", "channels last"])
def test_gradient_and_its_gradient_are_those_of_plain_operators(shape: tuple[int, ...], last: bool) -> None:
    torch.manual_seed(0)
    weight, direction, other = torch.randn(3, *shape, dtype=torch.float64).unbind()
    if last and len(shape) == 4:
        weight = weight.contiguous(memory_format=torch.channels_last)
    matrix = weight.movedim(1, -1).flatten(1)
    v = torch.randn(matrix.shape[1], dtype=torch.float64)
    p, length = matrix @ v, (matrix @ v).norm()
    estimate = Estimate([v], [p], [length], [length / v.norm()])

    def gradients(normalise: Any, create_graph: bool) -> list[Tensor]:
        given, along = weight.clone().requires_grad_(True), direction.clone().requires_grad_(True)
        value = normalise(given)
        (first,) = torch.autograd.grad(value, given, along, create_graph=create_graph)
        seconds = torch.autograd.grad(first, (given, along), other) if create_graph else ()
        return [value, first, *seconds]

    for create_graph in (False, True):
        expected = gradients(lambda given: reference(given, v), create_graph)
        found = gradients(lambda given: Division.apply(estimate, given)[0], create_graph)
        assert len(found) == 2 + 2 * create_graph
        for one, two in zip(found, expected, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_a_weight_of_zeros_is_normalised_once_it_is_no_longer_zero() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    spectral(layer)
    layer(torch.ones(4, 3))
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.full((2, 3), 5.0))
    for _ in range(FIRST_PASSES):
        layer(torch.ones(4, 3))
    assert torch.linalg.matrix_norm(layer.eval().weight, 2).item() == pytest.approx(1)


def test_a_weight_of_zeros_stays_and_has_a_finite_gradient() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    spectral(layer)
    layer(torch.ones(1, 3)).sum().backward()
    gradient = layer.parametrizations.weight.original.grad
    assert not layer.weight.any() and gradient.isfinite().all() and gradient.any()


def pair_of_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Return the same network twice; the second normalises all its weights together."""
    torch.manual_seed(0)
    layers = [spectral(nn.Conv2d(3, 8, 4)), nn.Conv2d(8, 8, 1), spectral(nn.Conv2d(8, 2, 1))]
    alone = nn.Sequential(*layers, nn.Flatten(), spectral(nn.Linear(2, 1)))
    together = deepcopy(alone)
    normalise_together(together)
    return alone, deepcopy(together)  # the hooks of a copy must use the layers of the copy


def test_all_weights_together_are_each_alone_to_the_bit() -> None:
    alone, together = pair_of_networks()
    for network in (alone, together):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            for seed in (0, 1):  # two passes before a step, as with a penalty
                network(torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(seed))).sum().backward()
            optimizer.step()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, together.state_dict()[name]), name


def test_together_leaves_evaluation_and_single_layers_alone() -> None:
    alone, together = pair_of_networks()
    assert torch.equal(together[0].weight, alone[0].weight)
    images = torch.ones(1, 3, 4, 4)
    assert torch.equal(together.eval()(images), alone.eval()(images))
    with pytest.raises(RuntimeError):
        together.train()(torch.ones(1, 2, 4, 4))  # two channels instead of three
    assert all(module.ready is None for module in together.modules() if hasattr(module, "ready"))
