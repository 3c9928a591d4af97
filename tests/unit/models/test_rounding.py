"""Rounding and scaling all weights together gives the same values as doing it one weight at a time."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.models.rounding import Round, Rounding, Scale
from ganzoo.models.spectral import spectral

FACTORS = [0.3, 1.0, 2.5]


def tensors() -> list[Tensor]:
    torch.manual_seed(0)
    shapes = (4, 3, 2, 2), (5,), ()
    return [torch.randn(shape).requires_grad_(True) for shape in shapes]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("together", "alone"),
    [
        (lambda given: Round.apply(torch.bfloat16, *given), lambda value, factor: value.to(torch.bfloat16)),
        (lambda given: Scale.apply(FACTORS, *given), lambda value, factor: value * factor),
    ],
    ids=["round", "scale"],
)
def test_values_gradients_and_their_gradients_are_those_of_each_alone(together: Any, alone: Any, create_graph: bool):
    def found(outputs: Any, given: list[Tensor]) -> list[Tensor]:
        """Return the outputs, gradients and second gradients of a loss that uses two of the three tensors."""
        loss = sum(output.float().square().square().sum() for output in outputs[:2])
        first = torch.autograd.grad(loss, given[:2], create_graph=create_graph)
        with pytest.raises(RuntimeError, match="unused"):
            torch.autograd.grad(outputs[0].float().sum(), given[2:], create_graph=create_graph)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), given[:2]) if create_graph else ()
        return [*outputs, *first, *second]

    one, other = tensors(), tensors()
    expected = found([alone(value, factor) for value, factor in zip(one, FACTORS, strict=True)], one)
    for value, result in zip(expected, found(together(other), other), strict=True):
        assert value.dtype == result.dtype and torch.equal(value, result)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.ConvTranspose2d(3, 8, 4), nn.BatchNorm2d(8), nn.Conv2d(8, 2, 3, bias=False), nn.Flatten()]
    return nn.Sequential(*layers, spectral(nn.Linear(8, 1))).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_network_computes_what_autocast_makes_of_it(bf16: bool):
    plain, rounded = network(), network()
    rounding = deepcopy(Rounded(rounded))  # the rounding of a copy must use the weights of the copy
    images = torch.randn(4, 3, 1, 1)
    results = []
    for made in (plain, rounding):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            made(images).float().square().sum().backward()
        results.append({name: value.grad for name, value in made.named_parameters()})
        results[-1] |= dict(made.named_buffers())
    assert len(results[0]) == len(results[1]) > 8
    for name, value in results[0].items():
        assert torch.equal(value, results[1][f"body.{name}"]), name


class Rounded(nn.Module):
    def __init__(self, body: nn.Sequential) -> None:
        super().__init__()
        self.body, self.rounding = body, Rounding(body)

    def forward(self, x: Tensor) -> Tensor:
        with self.rounding(x):
            return self.body(x)


def test_the_weights_are_its_own_again_even_after_a_failure():
    made = Rounded(network())
    before = {name: id(value) for name, value in made.named_parameters()}
    with pytest.raises(RuntimeError), torch.autocast("cpu", torch.bfloat16):
        made(torch.randn(4, 2, 1, 1))  # two channels instead of three
    assert {name: id(value) for name, value in made.named_parameters()} == before
    assert made.body[4].parametrizations.weight[0].ready is None
    with torch.autocast("cpu", torch.bfloat16), made.eval().rounding(torch.zeros(1)):
        assert made.body[0].weight.dtype == torch.float32


def test_torch_func_is_given_plain_operators():
    made, images = Rounded(nn.Sequential(network()[0], nn.Flatten())), torch.randn(4, 3, 1, 1)

    def loss(images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return made(images).float().square().sum()

    at = images.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(loss(at), at)
    torch.testing.assert_close(torch.func.grad(loss)(images), expected, rtol=0.02, atol=0.02)
