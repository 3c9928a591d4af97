"""Gradient penalties on networks whose gradient is known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganzoo.entries import PenaltyEntry
from ganzoo.interfaces import Discriminator, Generator, PenaltyInputs
from ganzoo.plugin.registry import Registry

SHAPE = (5, 2, 3, 3)
NAMES = ("gp", "dragan", "r1", "r2")


class Formula(Discriminator):
    """A discriminator given by a function of the images and the weight."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], weight: Tensor) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(weight)

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.function(images, self.weight)


class NoGenerator(Generator):
    latent_dim = 1

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        raise AssertionError("no penalty here runs the generator")


def penalty(name: str, discriminator: Discriminator, real: Tensor, fake: Tensor, seed: int | None = 0) -> Tensor:
    entry = Registry.load().get(PenaltyEntry, name)
    rng = None if seed is None else torch.Generator().manual_seed(seed)
    inputs = PenaltyInputs(NoGenerator(), discriminator, real, fake, torch.zeros(len(real), 1), rng=rng)
    return entry.load()(entry.params())(inputs)


def linear(x: Tensor, w: Tensor) -> Tensor:
    """Return x.w, whose gradient is w everywhere."""
    return x.flatten(1) @ w


def quadratic(x: Tensor, w: Tensor) -> Tensor:
    """Return sum(w x^2) / 2, whose gradient is w * x."""
    return (x.flatten(1).square() * w).sum(1) / 2


def smooth(x: Tensor, w: Tensor) -> Tensor:
    return torch.tanh(x.flatten(1) @ w.view(-1, 2)).square().sum(1)


def images(seed: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    real, fake = torch.rand(2, *SHAPE, generator=rng, dtype=dtype) * 2 - 1
    return real, fake


def test_linear_closed_forms() -> None:
    """The gradient is w at every image, so the penalty depends only on its norm."""
    w = torch.linspace(-1, 1, 18)
    norm = w.norm()
    real, fake = images(0)
    expected = {"gp": (norm - 1) ** 2, "dragan": (norm - 1) ** 2, "r1": norm**2 / 2, "r2": norm**2 / 2}
    for name, value in expected.items():
        torch.testing.assert_close(penalty(name, Formula(linear, w), real, fake), value.expand(5))


def test_r1_looks_at_real_and_r2_at_fake() -> None:
    w = torch.linspace(0.5, 2, 18)
    real, fake = images(1)
    for name, at in (("r1", real), ("r2", fake)):
        expected = (w * at.flatten(1)).square().sum(1) / 2
        torch.testing.assert_close(penalty(name, Formula(quadratic, w), real, fake), expected)


def test_gp_draws_one_share_per_sample_between_real_and_fake() -> None:
    """With unit weights, the gradient at x = e real + (1 - e) fake is x, so the penalty is (|x| - 1)^2."""
    real, fake = images(2)
    share = torch.rand(5, 1, 1, 1, generator=torch.Generator().manual_seed(7))
    at = share * real + (1 - share) * fake
    expected = (at.flatten(1).norm(dim=1) - 1).square()
    torch.testing.assert_close(penalty("gp", Formula(quadratic, torch.ones(18)), real, fake, seed=7), expected)


def test_gp_without_rng_is_at_the_midpoint() -> None:
    real, fake = images(3)
    expected = (((real + fake) / 2).flatten(1).norm(dim=1) - 1).square()
    torch.testing.assert_close(penalty("gp", Formula(quadratic, torch.ones(18)), real, fake, seed=None), expected)


def test_dragan_draws_noise_around_real_images() -> None:
    real, fake = images(8)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(7))
    expected = ((real + 0.5 * real.std() * noise).flatten(1).norm(dim=1) - 1).square()
    torch.testing.assert_close(penalty("dragan", Formula(quadratic, torch.ones(18)), real, fake, seed=7), expected)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_with_respect_to_weights_against_finite_differences(name: str) -> None:
    real, fake = images(4, torch.float64)
    discriminator = Formula(smooth, torch.linspace(-0.4, 0.6, 36, dtype=torch.float64))

    def value() -> Tensor:
        return penalty(name, discriminator, real, fake).double().mean()

    (gradient,) = torch.autograd.grad(value(), discriminator.weight)
    assert gradient.abs().max() > 1e-2
    step = 1e-2  # the penalty is float32, so the step must outweigh its rounding
    for index in (0, 9, 17, 35):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                discriminator.weight[index] += sign * step
            values.append(value().item())
            with torch.no_grad():
                discriminator.weight[index] -= sign * step
        assert gradient[index].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_finite_gradient_where_the_gradient_vanishes(name: str) -> None:
    real, fake = images(5)
    discriminator = Formula(quadratic, torch.zeros(18))
    value = penalty(name, discriminator, real, fake)
    value.mean().backward()
    torch.testing.assert_close(value, torch.full((5,), 1.0 if name in ("gp", "dragan") else 0.0))
    assert discriminator.weight.grad is not None and discriminator.weight.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_under_bf16_autocast(name: str) -> None:
    """The value stays close to float32's although the network runs in bfloat16."""
    real, fake = images(6)
    discriminator = Formula(smooth, torch.linspace(-0.4, 0.6, 36))
    exact = penalty(name, discriminator, real, fake)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = penalty(name, discriminator, real, fake)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.05, atol=0.02)
    value.mean().backward()
    assert discriminator.weight.grad is not None and discriminator.weight.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_stay_out_of_the_graph(name: str) -> None:
    """A penalty on the discriminator gives the generator no gradient."""
    real, fake = images(7)
    fake.requires_grad_(True)
    discriminator = Formula(smooth, torch.linspace(-0.4, 0.6, 36))
    penalty(name, discriminator, real, fake).mean().backward()
    assert fake.grad is None and not real.requires_grad
    assert discriminator.weight.grad is not None and discriminator.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_logit_of_patches_is_their_mean(name: str) -> None:
    def patches(x: Tensor, w: Tensor) -> Tensor:
        return torch.tanh(x.flatten(1) @ w.view(-1, 6)).view(-1, 2, 3)

    def mean(x: Tensor, w: Tensor) -> Tensor:
        return patches(x, w).mean((1, 2))

    w = torch.linspace(-0.4, 0.6, 108)
    value, expected = (penalty(name, Formula(function, w), *images(9)) for function in (patches, mean))
    assert value.shape == (5,) and Registry.load().get(PenaltyEntry, name).patches
    torch.testing.assert_close(value, expected)


def test_metadata_and_bounds() -> None:
    registry = Registry.load()
    for name in NAMES:
        entry = registry.get(PenaltyEntry, name)
        assert entry.needs.per_sample and entry.network == "discriminator"
        with pytest.raises(ValueError, match="weight is -1"):
            entry.params(weight=-1)
    assert registry.get(PenaltyEntry, "gp").params().weight == 10
