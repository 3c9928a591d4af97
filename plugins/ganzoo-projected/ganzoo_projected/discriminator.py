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

SMALLEST = 64  # smaller images leave too few positions, since backbones halve the size at once
JUDGED = 4  # height and width of the features at which a head gives its verdict


class Mixing(nn.Module):
    """Fixed random projections, which mix the backbone's features for each discriminator (sec. 3.2).

    Across channels, each level has a 1x1 convolution. Across scales, from the coarsest level on, each level is
    convolved with a 3x3 kernel, enlarged bilinearly and added to the next finer one. The features of all levels, finest
    first, keep their shapes.
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
    """One of the discriminators: halves features ``(N, channels, size, size)`` down to 4 x 4, computes a logit at every
    position and returns their mean ``(N,)``.

    Every layer is spectrally normalised. ``batch_norm`` adds batch norms between them.
    """

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
    """A frozen backbone, a mixing of its features, and a discriminator at each level; their logits are summed.

    In the paper the loss reads each position of each discriminator separately; here an image has one logit, as all
    losses and penalties expect. Batch norm, as published, keeps the discriminators from winning at once: it hides a
    difference that all fakes have from all real images.
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
    """Return a random convolution that preserves the variance (He et al. 2015)."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(inputs * kernel**2))
    return layer
