"""The discriminator of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958): residual blocks, minibatch standard deviation.

With ``conditional`` it is a projection discriminator (as in Karras et al. 2020, arXiv:2006.06676, app. D).
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import (
    DiscriminatorOutputs,
    of_whole_batch,
)
from ganzoo.models.conditional import HeadedDiscriminator, Heads
from ganzoo.models.sizes import split_size
from ganzoo.models.spectral import spectral
from ganzoo_stylegan_lite import DiscriminatorParams
from ganzoo_stylegan_lite.layers import (
    SLOPE,
    EqualConv,
    EqualEmbedding,
    Equalised,
    EqualLinear,
    channels_of,
    per_channel,
    scaled_together,
)

GROUP = 4  # samples in a group of the minibatch standard deviation


class ResidualBlock(nn.Module):
    """Maps ``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``.

    Both branches have a factor of 1/sqrt(2), which preserves the variance.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.refine = EqualConv(inputs, inputs, 3, gain=math.sqrt(2))
        self.halve = EqualConv(inputs, outputs, 3, down=True)  # gain 1: the ReLU's sqrt(2) times 1/sqrt(2)
        self.skip = EqualConv(inputs, outputs, 1, gain=math.sqrt(0.5), bias=False, down=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.leaky_relu(self.halve(F.leaky_relu(self.refine(x), SLOPE)), SLOPE)
        return residual + self.skip(x)


def minibatch_std(x: Tensor, group: int = GROUP) -> Tensor:
    """Append a channel to ``(N, C, H, W)``: the mean standard deviation within a group (Karras et al. 2018, sec. 3).

    Groups have ``group`` samples, or the largest smaller number that divides N.
    """
    group = max(size for size in range(1, group + 1) if len(x) % size == 0)
    members = x.float().unflatten(0, (group, -1))
    # Tensor.var across the outermost dimension is ten times slower on the CPU.
    variance = (members - members.mean(0)).square().mean(0)
    deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, per_channel(deviation.repeat(group)[:, None], x).expand(-1, 1, *x.shape[2:])], dim=1)


class StyleGANDiscriminator(HeadedDiscriminator):
    """Residual blocks that halve the image down to ``base x base``, a convolution and two fully connected layers.

    Further heads read the same features as the last fully connected layer.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        if params.minibatch_std and needs.per_sample:
            raise ValueError(
                "discriminator.minibatch_std=true mixes the samples of a batch, which this loss or penalty forbids; "
                "use discriminator.minibatch_std=false or null"
            )
        self.image = image
        self.mixes_samples = not needs.per_sample if params.minibatch_std is None else params.minibatch_std
        base, doublings = split_size(image.size)
        widths = channels_of(params.width, params.width_max, doublings)[::-1]
        self.from_picture = EqualLinear(image.channels, widths[0], gain=math.sqrt(2))
        self.blocks = nn.Sequential(*(ResidualBlock(widths[i], widths[i + 1]) for i in range(doublings)))
        last = widths[-1]
        self.mix = EqualConv(last + self.mixes_samples, last, 3, gain=math.sqrt(2))
        self.full = EqualLinear(last * base**2, last, gain=math.sqrt(2))
        self.to_logit = EqualLinear(last, 1)
        self.heads = Heads(last, image, needs.outputs, params.conditional, linear=EqualLinear, embedding=EqualEmbedding)
        self.conditional = self.heads.conditional
        if params.spectral:  # drop the gains of sqrt(2), which would let the logits grow as large as before
            for layer in self.modules():
                if isinstance(layer, (EqualLinear, EqualConv, EqualEmbedding)):
                    spectral(layer).scale = layer.gain / math.sqrt(2)
        self.equalised = [layer for layer in self.modules() if isinstance(layer, Equalised)]

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        with scaled_together(self.equalised, images) if self.training else nullcontext():
            phi = self._features(images)
            return self.heads.read(self.to_logit(phi).squeeze(1), phi, labels)

    def _features(self, images: Tensor) -> Tensor:
        """Return the last features ``(N, F)`` of images."""
        # A 1x1 convolution, written so that its result is channels last, the fast layout for the next layers. The
        # layout of an image with one channel is ambiguous.
        x = self.from_picture(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.blocks(F.leaky_relu(x, SLOPE))
        if self.mixes_samples:
            # Ranks take samples in turn, so a rank whose share is a multiple of GROUP holds whole groups.
            x = minibatch_std(x) if len(x) % GROUP == 0 else of_whole_batch(minibatch_std, x)
        x = F.leaky_relu(self.mix(x), SLOPE)
        return F.leaky_relu(self.full(x.flatten(1)), SLOPE)
