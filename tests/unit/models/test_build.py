from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo import ArchitectureEntry, ImageSpec
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.models.build import build_model, parameter_count
from ganzoo.plugin.registry import Registry

IMAGE = ImageSpec(1, 8)


class Flat(Generator):
    latent_dim = 3

    def __init__(self, image, params):
        super().__init__()
        self.image, self.body = image, nn.Linear(3, image.size**2)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return self.body(latents).view(-1, 1, self.image.size, self.image.size)


class Secretive(Discriminator):
    """A discriminator that mixes the samples of a batch without declaring it."""

    def __init__(self, image, params, needs):
        super().__init__()
        self.body = nn.Linear(image.size**2, 1)

    def forward(self, images, labels=None, *, rng=None):
        return (self.body(images.flatten(1)) - images.mean()).squeeze(1)


class TwoLogits(Secretive):
    def forward(self, images, labels=None, *, rng=None):
        return torch.zeros(len(images), 2)


class WrongSize(Flat):
    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return torch.zeros(len(latents), 1, 5, 5)


@pytest.fixture
def odd() -> Registry:
    registry = Registry.load(strict=True)
    for name, generator, discriminator in (
        ("secretive", Flat, Secretive),
        ("two-logits", Flat, TwoLogits),
        ("wrong-size", WrongSize, Secretive),
    ):
        registry.entries["architecture"][name] = ArchitectureEntry(
            name=name,
            summary="",
            generator=f"{__name__}:{generator.__name__}",
            discriminator=f"{__name__}:{discriminator.__name__}",
        )
    return registry


@pytest.mark.parametrize("penalty", ["wgan-gp", "non-saturating+r1", "minimax+r2"])
def test_a_discriminator_that_secretly_mixes_samples_is_caught(odd, penalty):
    with pytest.raises(GanzooError, match="secretive mixes the samples"):
        build_model(resolve(odd, f"secretive+{penalty}"), IMAGE)


def test_without_a_per_sample_need_it_trains(odd):
    assert build_model(resolve(odd, "secretive+minimax"), IMAGE).penalties == ()


@pytest.mark.parametrize(
    ("name", "says"), [("two-logits", "gives (2, 2)"), ("wrong-size", "makes (2, 1, 5, 5), expected (2, 1, 8, 8)")]
)
def test_wrong_shapes_are_named(odd, name, says):
    with pytest.raises(GanzooError) as caught:
        build_model(resolve(odd, f"{name}+top-k"), IMAGE)
    assert says in str(caught.value) and name in str(caught.value)


def test_batch_norm_with_a_gradient_penalty_is_refused_by_name(registry):
    config = resolve(registry, "dcgan+wgan-gp", None, ["discriminator.norm=batch"])
    with pytest.raises(GanzooError, match=r"discriminator\.norm=batch mixes the samples"):
        build_model(config, IMAGE)


@pytest.mark.parametrize("architecture", ["dcgan", "stylegan-lite"])
def test_a_size_that_cannot_be_made_names_the_key(registry, architecture):
    with pytest.raises(GanzooError, match=r"data\.size: .* cannot make 30x30"):
        build_model(resolve(registry, f"{architecture}+minimax"), ImageSpec(1, 30))


def test_building_depends_on_the_seed_alone(registry):
    def weights(seed):
        model = build_model(resolve(registry, "mlp+minimax", None, [f"seed={seed}"]), IMAGE)
        return torch.cat([p.flatten() for p in model.generator.parameters()])

    state = torch.get_rng_state()
    first = weights(1)
    torch.randn(3)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))
    torch.set_rng_state(state)
    weights(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameter_count():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert parameter_count(layer) == 6
