"""LeCam, compared with moving averages computed in a loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.rules import inputs, networks, penalty, reaches
from torch import Tensor

from ganzoo.interfaces import DiscriminatorOutputs, PenaltyInputs


def given(real: Tensor, fake: Tensor) -> PenaltyInputs:
    """Return inputs with these logits."""
    made = inputs(*networks(), "discriminator", batch=len(real))
    return replace(made, real_outputs=DiscriminatorOutputs(real), fake_outputs=DiscriminatorOutputs(fake))


def logits(seed: int, shape: tuple[int, ...] = (6,)) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return 3 + torch.randn(shape, generator=rng), torch.randn(shape, generator=rng) - 1


def average(values: list[float], decay: float) -> float:
    """Return the weighted mean of all values so far; a weight is the decay to the power of the value's age."""
    weights = decay ** np.arange(len(values))[::-1]
    return float((weights * values).sum() / weights.sum())


@pytest.mark.parametrize("decay", [0.99, 0.5, 0.0])
@pytest.mark.parametrize("shape", [(6,), (6, 2, 2)])
def test_the_distance_from_the_other_sides_average(decay, shape):
    lecam, reals, fakes = penalty("lecam", decay=decay), [], []
    for step in range(4):
        real, fake = logits(step, shape)
        reals.append(float(real.mean()))
        fakes.append(float(fake.mean()))
        value = lecam(given(real, fake))
        distance = (real - average(fakes, decay)) ** 2 + (fake - average(reals, decay)) ** 2
        torch.testing.assert_close(value, distance.reshape(6, -1).mean(1), rtol=1e-4, atol=1e-5)


def test_the_first_average_is_the_first_mean():
    value = penalty("lecam")(given(torch.full((2,), 4.0), torch.full((2,), -1.0)))
    torch.testing.assert_close(value, torch.full((2,), 50.0))


def test_the_averages_are_constants_of_the_gradient():
    lecam = penalty("lecam")
    real, fake = (side.requires_grad_(True) for side in logits(0))
    lecam(given(real, fake)).sum().backward()
    torch.testing.assert_close(real.grad, 2 * (real - fake.mean()).detach())
    torch.testing.assert_close(fake.grad, 2 * (fake - real.mean()).detach())


def test_the_averages_are_kept_in_the_state():
    first, second = penalty("lecam"), penalty("lecam")
    for step in range(3):
        first(given(*logits(step)))
    assert {name: value.shape for name, value in first.state_dict().items()} == {
        f"{side}.{name}": () for side in ("real", "fake") for name in ("total", "weights")
    }
    second.load_state_dict(first.state_dict())
    for step in range(3, 5):
        assert torch.equal(first(given(*logits(step))), second(given(*logits(step))))
    fresh = penalty("lecam")(given(*logits(4)))
    assert not torch.allclose(fresh, first(given(*logits(4))))


def test_only_the_discriminator_learns():
    generator, discriminator = networks()
    value = penalty("lecam")(inputs(generator, discriminator, "discriminator"))
    assert {"body.1.weight", "logit.weight", "logit.bias"} <= reaches(value, discriminator)
    assert not any(parameter.grad is not None for parameter in generator.parameters())


def test_bounds():
    with pytest.raises(ValueError, match="decay is 1"):
        penalty("lecam", decay=1.0)
