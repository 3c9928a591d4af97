"""The residual networks for small images (Miyato et al. 2018, app. B.4, tables 3 and 4), for any size that doubles.

With ``conditional`` they are the networks of Miyato and Koyama 2018 (arXiv:1802.05637): the generator's batch norms
have a gain and a bias for each class, and the discriminator projects its features on an embedding of the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import HeadedDiscriminator, Heads, batch_norm, classes_for, given, linear, normalise
from ganzoo.models.residual import DownBlock, UpBlock
from ganzoo.models.sizes import split_size
from ganzoo.models.spectral import spectral
from ganzoo_sngan import DiscriminatorParams, GeneratorParams

Wrap = Callable[[nn.Module], nn.Module]
FLAT_BLOCKS = 2  # blocks of the discriminator that keep the size, after those that halve it


def _conv(inputs: int, outputs: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """Return a convolution that keeps the size, initialised after Glorot and Bengio 2010, with zero bias."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _in_block(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Return a convolution of a residual block: a gain of sqrt(2) before a ReLU or the sum, of 1 in the shortcut."""
    return _conv(inputs, outputs, kernel, math.sqrt(2) if kernel > 1 else 1.0)


class SNGANGenerator(Generator):
    """Maps latents ``(N, latent_dim)`` to ``base x base`` features, doubles them block by block, draws tanh pixels."""

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        classes = classes_for(image, params.conditional)
        self.conditional = "required" if classes else False
        self.base, doublings = split_size(image.size)
        width, norm = params.width, partial(batch_norm, classes=classes)
        self.project = linear(params.latent_dim, width * self.base**2)
        self.blocks = nn.Sequential(*(UpBlock(width, width, _in_block, norm) for _ in range(doublings)))
        self.norm = norm(width)
        self.to_pixels = _conv(width, image.channels, 3)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        x = self.project(latents).unflatten(1, (-1, self.base, self.base))
        condition = given(labels) if self.conditional else None
        for block in self.blocks:
            x = block(x, condition)
        return torch.tanh(self.to_pixels(F.relu(normalise(self.norm, x, condition))))


class SNGANDiscriminator(HeadedDiscriminator):
    """Blocks that halve the size, two that keep it, a sum over all positions, then one logit and further heads.

    Logits do not depend on other samples.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        wrap: Wrap = spectral if params.spectral else nn.Identity()
        width = params.width

        def conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
            return wrap(_in_block(inputs, outputs, kernel))

        _, halvings = split_size(image.size)
        blocks = [DownBlock(image.channels, width, conv, first=True)]
        # One halving less than the generator has doublings, as published: 32 pixels become 8.
        blocks += [DownBlock(width, width, conv) for _ in range(max(0, halvings - 2))]
        blocks += [DownBlock(width, width, conv, halve=False) for _ in range(FLAT_BLOCKS)]
        self.blocks = nn.Sequential(*blocks)
        self.logit = wrap(linear(width, 1))
        self.heads = Heads(width, image, needs.outputs, params.conditional, wrap=wrap)
        self.conditional = self.heads.conditional

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        phi = F.relu(self.blocks(images)).sum((2, 3))
        return self.heads.read(self.logit(phi).squeeze(1), phi, labels)
