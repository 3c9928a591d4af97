"""The residual networks for small images (Miyato et al. 2018, app. B.4, tables 3 and 4), for any size that doubles.

With ``conditional`` they are the networks of Miyato and Koyama 2018 (arXiv:1802.05637): the generator's batch norms
have a gain and a bias for each class, and the discriminator projects its features on an embedding of the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import HeadedDiscriminator, Heads, batch_norm, classes_for, given, linear, normalise
from ganzoo.models.sizes import split_size
from ganzoo.models.spectral import spectral
from ganzoo_sngan import DiscriminatorParams, GeneratorParams

Wrap = Callable[[nn.Module], nn.Module]
FLAT_BLOCKS = 2  # blocks of the discriminator that keep the size, after those that halve it


def _conv(inputs: int, outputs: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """Return a convolution that keeps the size, initialised after Glorot and Bengio 2010, with a bias of zero."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class UpBlock(nn.Module):
    """A residual block: normalise, ReLU, double the size, convolve; normalise, ReLU, convolve; add the doubled input.

    With ``classes`` the norms are conditional.
    """

    def __init__(self, channels: int, classes: int = 0) -> None:
        super().__init__()
        self.norm1, self.norm2 = batch_norm(channels, classes), batch_norm(channels, classes)
        self.conv1 = _conv(channels, channels, 3, math.sqrt(2))
        self.conv2 = _conv(channels, channels, 3, math.sqrt(2))
        self.shortcut = _conv(channels, channels, 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        y = self.conv1(_double(F.relu(normalise(self.norm1, x, labels))))
        # A 1x1 convolution and doubling commute; convolving first is four times cheaper.
        return self.conv2(F.relu(normalise(self.norm2, y, labels))) + _double(self.shortcut(x))


class DownBlock(nn.Module):
    """A residual block: ReLU, convolve, ReLU, convolve, and halve the size with ``halve``; add the input.

    A shortcut gives the input the shape of the result. With ``first`` the input is an image and skips the first ReLU.
    """

    def __init__(self, inputs: int, outputs: int, wrap: Wrap, *, first: bool = False, halve: bool = False) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.conv1 = wrap(_conv(inputs, outputs, 3, math.sqrt(2)))
        self.conv2 = wrap(_conv(outputs, outputs, 3, math.sqrt(2)))
        self.shortcut = wrap(_conv(inputs, outputs, 1)) if halve or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if not self.halve:
            return y + self.shortcut(x)
        # A 1x1 convolution and the mean commute; halving first is four times cheaper.
        return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))


class SNGANGenerator(Generator):
    """Maps latents ``(N, latent_dim)`` to ``base x base`` features, doubles them block by block, draws tanh pixels."""

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        classes = classes_for(image, params.conditional)
        self.conditional = "required" if classes else False
        self.base, doublings = split_size(image.size)
        self.project = linear(params.latent_dim, params.width * self.base**2)
        self.blocks = nn.Sequential(*(UpBlock(params.width, classes) for _ in range(doublings)))
        self.norm = batch_norm(params.width, classes)
        self.to_pixels = _conv(params.width, image.channels, 3)

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
        _, halvings = split_size(image.size)
        blocks = [DownBlock(image.channels, params.width, wrap, first=True, halve=True)]
        # One halving less than the generator has doublings, as published: 32 pixels become 8.
        blocks += [DownBlock(params.width, params.width, wrap, halve=True) for _ in range(max(0, halvings - 2))]
        blocks += [DownBlock(params.width, params.width, wrap) for _ in range(FLAT_BLOCKS)]
        self.blocks = nn.Sequential(*blocks)
        self.logit = wrap(linear(params.width, 1))
        self.heads = Heads(params.width, image, needs.outputs, params.conditional, wrap=wrap)
        self.conditional = self.heads.conditional

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        phi = F.relu(self.blocks(images)).sum((2, 3))
        return self.heads.read(self.logit(phi).squeeze(1), phi, labels)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
