"""BigGAN's pair (Brock et al. 2019, app. B, the blocks of its fig. 15), at any size that doubles; meant for 28 to 128.

The generator's batch norms read the class and a share of the latent of their own (hierarchical latents); without labels
the share alone. The discriminator is one of projection (Miyato and Koyama 2018, arXiv:1802.05637). The code's
orthogonal regularisation and standing statistics are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import ConditionalBatchNorm2d, HeadedDiscriminator, Heads, classes_for, given
from ganzoo.models.sizes import split_size
from ganzoo_biggan import DiscriminatorParams, GeneratorParams
from ganzoo_biggan.layers import SelfAttention, conv, embedding, linear


def attends_at(image: ImageSpec, at_most: int) -> int:
    """Return the size of the features that attend: the largest up to a bound and below the image's; 0 for none."""
    base, doublings = split_size(image.size)
    sizes = [base * 2**i for i in range(1, doublings)]
    return max((size for size in sizes if size <= at_most), default=0)


class UpBlock(nn.Module):
    """Normalise, ReLU, double, convolve; normalise, ReLU, convolve; plus the doubled input. ``(N, inputs, H, W)`` and a
    condition ``(N, condition)`` to ``(N, outputs, 2 H, 2 W)``."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(inputs, condition), _norm(outputs, condition)
        self.conv1, self.conv2 = conv(inputs, outputs, 3), conv(outputs, outputs, 3)
        self.shortcut = conv(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = self.conv1(_double(F.relu(self.norm1(x, condition))))
        # A kernel of 1 and doubling commute; convolving first is four times cheaper.
        return self.conv2(F.relu(self.norm2(y, condition))) + _double(self.shortcut(x))


class DownBlock(nn.Module):
    """(ReLU,) convolve, ReLU, convolve(, halve); plus the input treated alike. ``first``: the input is an image."""

    def __init__(self, inputs: int, outputs: int, *, first: bool = False, halve: bool = True) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.conv1, self.conv2 = conv(inputs, outputs, 3), conv(outputs, outputs, 3)
        self.shortcut = conv(inputs, outputs, 1) if halve or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.halve:  # a kernel of 1 and the mean commute; halving first is four times cheaper
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        return y + self.shortcut(x)


class BigGANGenerator(Generator):
    """Latents ``(N, latent_dim)``: the first share to ``base x base`` features, one more for each block that doubles.

    Truncation scales the latents; the paper instead draws numbers anew that lie outside a bound.
    """

    has_truncation = True

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        self.base, doublings = split_size(image.size)
        if params.latent_dim <= doublings:
            raise ValueError(
                f"generator.latent_dim is {params.latent_dim}, must be {doublings + 1} or more at this size"
            )
        classes = classes_for(image, params.conditional)
        self.conditional = "required" if classes else False
        self.embed = nn.Embedding(classes, params.embedding) if classes else None
        if self.embed is not None:
            nn.init.orthogonal_(self.embed.weight)
        first, *shares = (part.numel() for part in torch.zeros(params.latent_dim).tensor_split(doublings + 1))
        widths = [min(params.width * 2**k, params.width_max) for k in range(doublings, -1, -1)]
        self.project = linear(first, widths[0] * self.base**2)
        self.blocks = nn.ModuleList(
            UpBlock(widths[i], widths[i + 1], share + (params.embedding if classes else 0))
            for i, share in enumerate(shares)
        )
        self.attends_at = attends_at(image, params.attention)
        self.attention = SelfAttention(widths[_level(self.base, self.attends_at)]) if self.attends_at else None
        self.norm = nn.BatchNorm2d(widths[-1])
        self.to_pixels = conv(widths[-1], image.channels, 3)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float | Tensor = 1.0,
    ) -> Tensor:
        first, *shares = (latents * truncation).tensor_split(len(self.blocks) + 1, dim=1)
        x = self.project(first).unflatten(1, (-1, self.base, self.base))
        by_class = [] if self.embed is None else [self.embed(given(labels))]
        for block, share in zip(self.blocks, shares, strict=True):
            x = block(x, torch.cat([*by_class, share], dim=1))
            if self.attention is not None and x.shape[2] == self.attends_at:
                x = self.attention(x)
        return torch.tanh(self.to_pixels(F.relu(self.norm(x))))


class BigGANDiscriminator(HeadedDiscriminator):
    """Blocks halve the image down to ``base x base``, one keeps the size, the sum over all places, one logit.

    No sample sees another.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        base, halvings = split_size(image.size)
        widths = [min(params.width * 2**k, params.width_max) for k in range(halvings)]
        size = attends_at(image, params.attention)
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([image.channels, *widths[:-1]], widths, strict=True)):
            layers.append(DownBlock(inputs, outputs, first=i == 0))
            if size and size == base * 2 ** (halvings - 1 - i):
                layers.append(SelfAttention(outputs))
        self.blocks = nn.Sequential(*layers, DownBlock(widths[-1], widths[-1], halve=False))
        self.logit = linear(widths[-1], 1)
        self.heads = Heads(widths[-1], image, needs.outputs, params.conditional, linear=linear, embedding=embedding)
        self.conditional = self.heads.conditional

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        phi = F.relu(self.blocks(images)).sum((2, 3))
        return self.heads.read(self.logit(phi).squeeze(1), phi, labels)


def _norm(channels: int, condition: int) -> ConditionalBatchNorm2d:
    gain, bias = (linear(condition, channels, bias=False) for _ in range(2))
    return ConditionalBatchNorm2d(channels, gain, bias)


def _level(base: int, size: int) -> int:
    """How often the base is doubled to the size."""
    return (size // base).bit_length() - 1


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
