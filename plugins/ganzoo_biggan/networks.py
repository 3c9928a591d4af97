"""BigGAN's networks (Brock et al. 2019, app. B, blocks of fig. 15), for any size that doubles; meant for 28 to 128.

The batch norms of each generator block read the class and the block's own part of the latent (hierarchical latents);
without labels, only that part. The discriminator is a projection discriminator (Miyato and Koyama 2018,
arXiv:1802.05637). The orthogonal regularisation and the standing statistics of the authors' code are left out.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import ConditionalBatchNorm2d, HeadedDiscriminator, Heads, classes_for, given
from ganzoo.models.residual import DownBlock, UpBlock
from ganzoo.models.sizes import split_size
from ganzoo_biggan import DiscriminatorParams, GeneratorParams
from ganzoo_biggan.layers import SelfAttention, conv, embedding, linear


def attends_at(image: ImageSpec, at_most: int) -> int:
    """Return the size of the features with self-attention, or 0 if no size fits.

    It is the largest size up to ``at_most`` that is larger than the base and smaller than the image.
    """
    base, doublings = split_size(image.size)
    sizes = [base * 2**i for i in range(1, doublings)]
    return max((size for size in sizes if size <= at_most), default=0)


class BigGANGenerator(Generator):
    """Splits latents ``(N, latent_dim)``: one part is mapped to ``base x base`` features, each block reads one more.

    Each block doubles the size. Truncation scales the latents; the paper instead redraws numbers outside a bound.
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
        embedded = params.embedding if classes else 0
        self.embed = nn.Embedding(classes, embedded) if classes else None
        if self.embed is not None:
            nn.init.orthogonal_(self.embed.weight)
        first, *shares = (part.numel() for part in torch.zeros(params.latent_dim).tensor_split(doublings + 1))
        widths = [min(params.width * 2**k, params.width_max) for k in range(doublings, -1, -1)]
        self.project = linear(first, widths[0] * self.base**2)
        self.blocks = nn.ModuleList(
            UpBlock(widths[i], widths[i + 1], conv, partial(_norm, condition=share + embedded))
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
    """Blocks that halve the size down to ``base x base``, one that keeps it, a sum over all positions, then one logit.

    Logits do not depend on other samples.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        base, halvings = split_size(image.size)
        widths = [min(params.width * 2**k, params.width_max) for k in range(halvings)]
        size = attends_at(image, params.attention)
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([image.channels, *widths[:-1]], widths, strict=True)):
            layers.append(DownBlock(inputs, outputs, conv, first=i == 0))
            if size and size == base * 2 ** (halvings - 1 - i):
                layers.append(SelfAttention(outputs))
        self.blocks = nn.Sequential(*layers, DownBlock(widths[-1], widths[-1], conv, halve=False))
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
    """Return the number of doublings from the base to the size."""
    return (size // base).bit_length() - 1
