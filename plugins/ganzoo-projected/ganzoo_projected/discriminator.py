"""The Projected GAN discriminator (Sauer et al. 2021, arXiv:2111.01007, sec. 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import Discriminator
from ganzoo.models.spectral import spectral
from ganzoo_projected import DiscriminatorParams
from ganzoo_projected.frozen import frozen
from ganzoo_projected.pyramid import Pyramid

SMALLEST = 64  # of fewer pixels a backbone that halves at once leaves too few places
JUDGED = 4  # height and width at which features are judged


class Mixing(nn.Module):
    """Fixed random projections, so that each discriminator sees all of the backbone (sec. 3.2).

    Across channels: a convolution with a kernel of 1 at each level. Across scales: from the coarsest level on, a 3x3
    convolution, enlarged bilinearly, is added to the next finer one. Features of any number of levels, the finest
    first, to features of the same shapes.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = nn.ModuleList(_random(count, count, 1) for count in channels)
        self.scales = nn.ModuleList(_random(coarse, fine, 3) for fine, coarse in pairwise(channels))
        frozen(self, persistent=True)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        mixed = [project(x) for project, x in zip(self.channels, features, strict=True)]
        for level in reversed(range(len(mixed) - 1)):
            coarse = self.scales[level](mixed[level + 1])
            size = mixed[level].shape[2:]
            mixed[level] = mixed[level] + F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        return mixed


class Head(nn.Module):
    """One of the discriminators: features ``(N, channels, size, size)`` halved down to 4 x 4, judged at every place, to
    the mean ``(N,)`` of that. Every layer spectrally normalised, between them batch norm where ``batch_norm``."""

    def __init__(self, channels: int, size: int, width: int, batch_norm: bool) -> None:
        super().__init__()

        def layer(kernel: int, stride: int) -> list[nn.Module]:
            convolution = spectral(nn.Conv2d(channels, width, kernel, stride, padding=1))
            return [convolution, *([nn.BatchNorm2d(width)] if batch_norm else []), nn.LeakyReLU(0.2)]

        layers: list[nn.Module] = []
        while size > JUDGED:
            layers += layer(kernel=4, stride=2)
            channels, size = width, size // 2
        if not layers:
            layers += layer(kernel=3, stride=1)
        self.body = nn.Sequential(*layers, spectral(nn.Conv2d(width, 1, 3, padding=1)))

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features).mean((1, 2, 3))


class ProjectedDiscriminator(Discriminator):
    """Images through a frozen backbone, its features mixed, a discriminator at each level; their logits are summed.

    The paper gives each place of each discriminator to the loss by itself; here an image has one logit, as every loss
    and penalty wants. Batch norm, as published, keeps the discriminators from winning at once: a difference of all
    fakes from all real images is no longer seen.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        norm = params.norm if params.norm != "auto" else ("none" if needs.per_sample else "batch")
        if norm == "batch" and needs.per_sample:
            raise ValueError(
                "discriminator.norm=batch mixes the samples of a batch, which this loss or penalty forbids; "
                "use discriminator.norm=none or auto"
            )
        self.mixes_samples = norm == "batch"
        size = params.size or max(image.size, SMALLEST)
        self.pyramid = Pyramid(params.backbone, size, params.pretrained, smallest=JUDGED)
        self.mixing = Mixing(self.pyramid.channels)
        self.heads = nn.ModuleList(
            Head(channels, size, params.width, self.mixes_samples)
            for channels, size in zip(self.pyramid.channels, self.pyramid.sizes, strict=True)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        mixed = self.mixing(self.pyramid(images))
        return torch.stack([head(x) for head, x in zip(self.heads, mixed, strict=True)]).sum(0)


def _random(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution that keeps the variance (He et al. 2015)."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(inputs * kernel**2))
    return layer
