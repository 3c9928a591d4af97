"""A small version of FastGAN's generator (Liu et al. 2021, arXiv:2101.04775, sec. 3.1), which Sauer et al. use."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import Generator
from ganzoo.models.sizes import split_size
from ganzoo_projected import GeneratorParams


def _init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), as in DCGAN."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)


class Up(nn.Module):
    """Doubles the size: nearest neighbours, a 3x3 convolution, batch norm and a gated linear unit."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))), dim=1)


class Excitation(nn.Module):
    """Skip-layer excitation: features of the smallest size ``(N, inputs, base, base)`` scale the channels of the
    largest. This gives the gradient a short path."""

    def __init__(self, inputs: int, outputs: int, base: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(inputs, outputs, base), nn.LeakyReLU(0.1), nn.Conv2d(outputs, outputs, 1), nn.Sigmoid()
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        return large * self.gate(small)


class FastGANGenerator(Generator):
    """Maps latents ``(N, latent_dim)`` to ``base x base`` features, doubles them block by block, draws tanh pixels."""

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        base, doublings = split_size(image.size)
        widths = [min(params.width * 2**k, params.width_max) for k in range(doublings, -1, -1)]
        self.start = nn.Sequential(
            nn.ConvTranspose2d(params.latent_dim, 2 * widths[0], base, bias=False),
            nn.BatchNorm2d(2 * widths[0]),
            nn.GLU(dim=1),
        )
        self.blocks = nn.Sequential(*(Up(widths[i], widths[i + 1]) for i in range(doublings)))
        self.excite = Excitation(widths[0], widths[-1], base)
        self.to_pixels = nn.Conv2d(widths[-1], image.channels, 3, padding=1)
        self.apply(_init)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        small = self.start(latents[:, :, None, None])
        return torch.tanh(self.to_pixels(self.excite(small, self.blocks(small))))
