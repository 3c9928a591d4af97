"""The parts of biggan-lite, compared with explicit, slower forms of the same sums."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganzoo.entries import ImageSpec, Needs
from ganzoo_biggan import DiscriminatorParams, GeneratorParams
from ganzoo_biggan.layers import SelfAttention, conv, embedding, linear
from ganzoo_biggan.networks import BigGANDiscriminator, BigGANGenerator, attends_at

TINY: dict[str, Any] = {"width": 4, "width_max": 8}
IMAGE = ImageSpec(1, 16, classes=3)


def generator(image: ImageSpec = IMAGE, **params: Any) -> BigGANGenerator:
    torch.manual_seed(0)
    return BigGANGenerator(image, GeneratorParams(latent_dim=7, embedding=3, **TINY, **params))


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_attention_is_the_sum_over_all_places_by_their_shares():
    torch.manual_seed(0)
    layer, x = SelfAttention(16).eval(), normal(2, 16, 6, 4)
    layer.gamma.data.fill_(0.7)
    query, key, value = layer.query(x), layer.key(x), layer.value(x)
    key, value = (pooled.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)) for pooled in (key, value))
    read = torch.zeros(2, 8, 6, 4)
    for n in range(2):
        for row in range(6):
            for column in range(4):
                places = [(i, j) for i in range(3) for j in range(2)]
                scores = torch.stack([query[n, :, row, column] @ key[n, :, i, j] for i, j in places])
                shares = scores.exp() / scores.exp().sum()
                for share, (i, j) in zip(shares, places, strict=True):
                    read[n, :, row, column] += share * value[n, :, i, j]
    assert torch.allclose(layer(x), x + 0.7 * layer.out(read), atol=1e-5)


def test_attention_starts_as_the_identity():
    layer, x = SelfAttention(16), normal(2, 16, 4, 4)
    assert torch.equal(layer(x), x)


@pytest.mark.parametrize(
    ("size", "at_most", "found"),
    [(128, 32, 32), (128, 64, 64), (64, 32, 32), (32, 32, 16), (28, 32, 14), (28, 0, 0), (8, 32, 0)],
)
def test_attention_is_at_the_largest_size_below_the_image(size, at_most, found):
    assert attends_at(ImageSpec(1, size), at_most) == found


@pytest.mark.parametrize("attention", [0, 8])
def test_both_networks_attend_at_that_size_alone(attention):
    networks = (
        generator(attention=attention),
        BigGANDiscriminator(IMAGE, DiscriminatorParams(**TINY, attention=attention), Needs()),
    )
    sizes = []
    for network in networks:
        for module in network.modules():
            if isinstance(module, SelfAttention):
                module.register_forward_hook(lambda module, given, out: sizes.append(tuple(out.shape[2:])))
    networks[1](networks[0](normal(4, 7), torch.arange(4) % 3))
    assert sizes == ([(8, 8)] * 2 if attention else [])


def test_layers_start_orthogonal():
    for layer in (conv(4, 4, 1), linear(4, 4), embedding(4, 4)):
        weight = layer.weight.flatten(1)
        assert torch.allclose(weight @ weight.t(), torch.eye(4), atol=1e-4)


@pytest.mark.parametrize("image", [IMAGE, ImageSpec(1, 16)], ids=["labels", "no labels"])
def test_each_block_reads_a_share_of_the_latent_of_its_own(image):
    network = generator(image)
    seen: list[torch.Tensor] = []
    for block in network.blocks:
        block.norm1.gain.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    latents, labels = normal(2, 7), torch.tensor([0, 2]) if image.classes else None
    network(latents, labels)
    assert [tuple(given[:, -2:].shape) for given in seen] == [(2, 2), (2, 2)]
    assert torch.equal(seen[0][:, -2:], latents[:, 3:5]) and torch.equal(seen[1][:, -2:], latents[:, 5:7])
    if labels is not None:
        assert all(torch.equal(given[:, :3], network.embed(labels)) for given in seen)
    assert {given.shape[1] for given in seen} == {5 if image.classes else 2}


def test_too_few_numbers_for_the_shares_are_refused():
    with pytest.raises(ValueError, match=r"generator.latent_dim is 2, must be 3 or more"):
        BigGANGenerator(IMAGE, GeneratorParams(latent_dim=2, **TINY))


def test_truncation_scales_the_latents():
    network, latents, labels = generator().eval(), normal(4, 7), torch.arange(4) % 3
    with torch.no_grad():
        half = network(latents, labels, truncation=0.5)
        assert torch.allclose(half, network(0.5 * latents, labels), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32, 128])
def test_the_sizes_that_it_is_meant_for(size, channels):
    image = ImageSpec(channels, size, classes=3)
    network = generator(image)
    discriminator = BigGANDiscriminator(image, DiscriminatorParams(**TINY, conditional=None), Needs())
    images = network(normal(2, 7), torch.tensor([0, 2]))
    assert images.shape == (2, channels, size, size) and discriminator(images, torch.tensor([0, 2])).shape == (2,)
