"""Path length regularisation, compared with Jacobians that are known or computed in full."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from support.rules import BATCH, PIXELS, STYLES, Plain, Styled, inputs, networks, penalty, reaches
from torch import Tensor

from ganzoo.entries import ArchitectureEntry, ImageSpec, PenaltyEntry
from ganzoo.plugin.registry import Registry

DECAY = 0.99


class Linear(Styled):
    """A generator whose images are a linear function of the styles, so that its Jacobian is the weight."""

    def synthesise(self, styles, *, rng=None):
        return self.pixels(styles.sum(1) / 2).view(-1, *PIXELS)


def noise(seed: int) -> Tensor:
    """Return the noise that the penalty draws, scaled, ``(N, pixels)``."""
    rng = torch.Generator().manual_seed(seed + 100)
    return torch.randn(BATCH, *PIXELS, generator=rng).flatten(1) / math.sqrt(PIXELS[1] * PIXELS[2])


def test_a_linear_generator_in_closed_form_over_several_steps():
    """Each of the two layers has half of the weight as its Jacobian, so the length is half of |noise @ weight|."""
    path_length, seen = penalty("path-length"), []
    generator, discriminator = networks(Linear)
    for step in range(3):
        value = path_length(inputs(generator, discriminator, "generator", seed=step))
        lengths = (noise(step) @ generator.pixels.weight.detach()).norm(dim=1) / 2
        seen.append(float(lengths.mean()))
        weights = [DECAY**age for age in reversed(range(len(seen)))]
        average = sum(weight * mean for weight, mean in zip(weights, seen, strict=True)) / sum(weights)
        torch.testing.assert_close(value, (lengths - average).square(), rtol=1e-4, atol=1e-6)


def test_without_styles_the_jacobian_is_that_of_the_latents():
    generator, discriminator = networks(Plain)
    given = inputs(generator, discriminator, "generator")
    value = penalty("path-length")(given)
    jacobian = torch.autograd.functional.jacobian(lambda z: generator(z).flatten(1).sum(0), given.latents)
    lengths = torch.einsum("pnz,np->nz", jacobian, noise(0)).norm(dim=1)
    torch.testing.assert_close(value, (lengths - lengths.mean()).square(), rtol=1e-4, atol=1e-6)
    assert value.max() > 1e-4


def test_the_average_is_kept_in_the_state():
    generator, discriminator = networks(Styled)
    first, second = penalty("path-length"), penalty("path-length")
    for step in range(3):
        first(inputs(generator, discriminator, "generator", seed=step))
    assert set(first.state_dict()) == {"average.total", "average.weights"}
    second.load_state_dict(first.state_dict())
    given = [inputs(generator, discriminator, "generator", seed=3) for _ in range(3)]
    value = first(given[0])
    assert torch.equal(value, second(given[1])) and not torch.allclose(value, penalty("path-length")(given[2]))


@pytest.mark.parametrize("kind", [Plain, Styled])
def test_only_the_generator_learns(kind):
    generator, discriminator = networks(kind)
    value = penalty("path-length")(inputs(generator, discriminator, "generator"))
    assert {"mapping.weight", "pixels.weight"} <= reaches(value, generator)
    assert not any(parameter.grad is not None for parameter in discriminator.parameters())


def test_the_gradient_against_finite_differences():
    """The average is a constant of the gradient, so it stays fixed in the finite differences."""
    generator, discriminator = networks(Styled)
    path_length = penalty("path-length")
    given = inputs(generator, discriminator, "generator")
    path_length(given).mean().backward()
    gradient = generator.pixels.weight.grad.clone()
    average = path_length.average.total / path_length.average.weights

    def held() -> float:
        styles = generator.styles(given.latents).detach().requires_grad_(True)
        products = (generator.synthesise(styles).flatten(1) * noise(0)).sum()
        (slope,) = torch.autograd.grad(products, styles)
        return float((slope.square().sum(2).mean(1).sqrt() - average).square().mean())

    def moved(place: tuple[int, int], step: float) -> float:
        with torch.no_grad():
            generator.pixels.weight[place] += step
        try:
            return held()
        finally:
            with torch.no_grad():
                generator.pixels.weight[place] -= step

    for place in ((0, 0), (7, 3), (31, STYLES - 1)):
        slope = (moved(place, 1e-2) - moved(place, -1e-2)) / 2e-2
        assert gradient[place].item() == pytest.approx(slope, rel=2e-2, abs=1e-5)
    assert gradient.abs().max() > 1e-3


def test_finite_without_noise_and_for_a_generator_that_is_flat():
    generator, discriminator = networks(Styled)
    value = penalty("path-length")(replace(inputs(generator, discriminator, "generator"), rng=None))
    assert value.isfinite().all()
    torch.nn.init.zeros_(generator.pixels.weight)
    reaches(penalty("path-length")(inputs(generator, discriminator, "generator")), generator)


def stylegan(mixing: float = 0.5):
    entry = Registry.load().get(ArchitectureEntry, "stylegan-lite")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        params = entry.generator_params(latent_dim=6, w_dim=6, width=4, width_max=8, mixing=mixing)
        return entry.load_generator()(ImageSpec(1, 16), params).train()


@pytest.mark.parametrize("mixing", [0.0, 0.5])
def test_the_halves_of_stylegan_are_its_generator(mixing):
    generator = stylegan(mixing)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
    latents, rng = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), torch.Generator()
    whole = generator(latents, rng=rng.manual_seed(2))
    rng.manual_seed(2)
    styles = generator.styles(latents, rng=rng)
    assert styles.shape == (4, generator.num_styles, 6)
    torch.testing.assert_close(generator.synthesise(styles, rng=rng), whole)


def test_stylegan_learns_from_it():
    generator = stylegan()
    given = inputs(*networks(), "generator", batch=4)
    latents = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    given = replace(given, generator=generator, latents=latents, labels=None)
    average = generator.w_avg.clone()
    reached = reaches(penalty("path-length")(given), generator)
    assert {"start", "mapping.0.weight", "first.weight", "blocks.0.refine.style.weight"} <= reached
    assert torch.equal(generator.w_avg, average), "a penalty's pass counts as no sample of the mean style"


def test_metadata():
    entry = Registry.load().get(PenaltyEntry, "path-length")
    assert entry.network == "generator" and (entry.params().weight, entry.params().interval) == (2, 4)
    with pytest.raises(ValueError, match="decay is 1"):
        entry.params(decay=1.0)
