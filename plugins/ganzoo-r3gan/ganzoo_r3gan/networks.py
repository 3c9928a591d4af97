"""The R3GAN networks (Huang et al. 2024, arXiv:2501.05441, sec. 3 and app. B), for any size that doubles.

There are a few residual blocks at each size. Between sizes, outside all residual branches, there is bilinear
resampling, and a 1x1 convolution if the number of channels changes. Nothing is normalised, so no logit depends on other
samples.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.models.sizes import split_size
from ganzoo_r3gan import DiscriminatorParams, GeneratorParams, NetworkParams

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # offsets the variance that leaky ReLU removes (He et al. 2015)


def _conv(
    inputs: int, outputs: int, kernel: int, *, groups: int = 1, gain: float = 1.0, bias: bool = True, padding: int = 0
) -> nn.Conv2d:
    """Return a convolution whose outputs start with ``gain ** 2`` times the variance of its inputs; zero bias."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=padding, groups=groups, bias=bias)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs // groups * kernel**2))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(inputs))
    nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Module):
    """A residual block on ``(N, channels, H, W)``: widen, leaky ReLU, grouped 3x3 convolution, leaky ReLU, narrow.

    Initialised as in Fix-up (Zhang, Dauphin, Ma 2019, arXiv:1901.09321, sec. 3): the last layer is zero, so the branch
    adds nothing at first, and the other two are smaller by ``total ** (-1/4)`` for ``total`` blocks of three layers.
    """

    def __init__(self, channels: int, params: NetworkParams, total: int) -> None:
        super().__init__()
        inner, gain = channels * params.expansion, GAIN * total**-0.25
        groups = inner // math.gcd(inner, params.group)
        self.widen = _conv(channels, inner, 1, gain=gain)
        self.mix = _conv(inner, inner, 3, groups=groups, gain=gain, padding=1)
        self.narrow = _conv(inner, channels, 1, gain=0.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.widen(x), SLOPE)
        return x + self.narrow(F.leaky_relu(self.mix(y), SLOPE))


class Up(nn.Module):
    """Doubles the size. A 1x1 convolution and interpolation commute; convolving first is four times cheaper."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = _change(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.change(x), scale_factor=2.0, mode="bilinear", align_corners=False)


class Down(nn.Module):
    """Halves the size. At exactly half the size, bilinear interpolation is the mean of four pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = _change(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.change(F.avg_pool2d(x, 2))


def _change(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else _conv(inputs, outputs, 1, bias=False)


def _widths(params: NetworkParams, doublings: int) -> list[int]:
    """Return the channels at each size, smallest size first."""
    return [min(params.width * 2**k, params.width_max) for k in range(doublings, -1, -1)]


def _stage(channels: int, params: NetworkParams, sizes: int) -> list[nn.Module]:
    """Return the blocks at one size of a network that has ``sizes`` sizes."""
    return [ResidualBlock(channels, params, sizes * params.blocks) for _ in range(params.blocks)]


class R3GANGenerator(Generator):
    """Weights learned ``base x base`` maps by latents ``(N, latent_dim)`` and doubles them stage by stage.

    Pixels are linear. In training mode images are not clamped to [-1, 1], since clamping blocks the gradient of pixels
    outside that range.
    """

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        base, doublings = split_size(image.size)
        widths = _widths(params, doublings)
        self.basis = nn.Parameter(torch.randn(widths[0], base, base))
        self.weigh = _linear(params.latent_dim, widths[0])
        layers = _stage(widths[0], params, len(widths))
        for inputs, outputs in pairwise(widths):
            layers += [Up(inputs, outputs), *_stage(outputs, params, len(widths))]
        self.body = nn.Sequential(*layers)
        self.to_pixels = _conv(widths[-1], image.channels, 1)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        x = self.basis * self.weigh(latents)[:, :, None, None]
        images = self.to_pixels(self.body(x))
        return images if self.training else images.clamp(-1, 1)


class R3GANDiscriminator(Discriminator):
    """Mirrors the generator: halves the size stage by stage, reduces each channel's ``base x base`` map to one number
    by learned weights, and computes a logit from these numbers."""

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        base, halvings = split_size(image.size)
        widths = _widths(params, halvings)[::-1]
        layers: list[nn.Module] = [_conv(image.channels, widths[0], 1)]
        for inputs, outputs in pairwise(widths):
            layers += [*_stage(inputs, params, len(widths)), Down(inputs, outputs)]
        layers += _stage(widths[-1], params, len(widths))
        self.body = nn.Sequential(*layers)
        self.weigh = _conv(widths[-1], widths[-1], base, groups=widths[-1])
        self.logit = _linear(widths[-1], 1)

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.logit(self.weigh(self.body(images)).flatten(1)).squeeze(1)
