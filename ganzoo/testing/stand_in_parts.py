"""The smallest parts that train: what the kit puts beside the part it checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.data.dataset import Pictures
from ganzoo.entries import Needs, PictureSpec
from ganzoo.interfaces import BadPicture, DataSource, Discriminator, Generator, Loss, Picture

LATENTS, WIDTH = 4, 16


class StandInGenerator(Generator):
    """Latents ``(N, 4)`` through one hidden layer to tanh pixels."""

    latent_dim = LATENTS

    def __init__(self, picture: PictureSpec, params: Any) -> None:
        super().__init__()
        self.picture = picture
        pixels = picture.channels * picture.size**2
        self.body = nn.Sequential(nn.Linear(LATENTS, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, pixels), nn.Tanh())

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        return self.body(latents).view(-1, self.picture.channels, self.picture.size, self.picture.size)


class StandInDiscriminator(Discriminator):
    """Pixels through one hidden layer to one logit, each picture by itself."""

    def __init__(self, picture: PictureSpec, params: Any, needs: Needs) -> None:
        super().__init__()
        self.picture = picture
        pixels = picture.channels * picture.size**2
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1))

    def forward(self, pictures: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.body(pictures).squeeze(1)


class StandInLoss(Loss):
    """Goodfellow et al. 2014, the generator's side not saturating."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return softplus(-d_real).mean() + softplus(d_fake).mean()

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return softplus(-d_fake).mean()


class StandInSource(DataSource):
    """Discs as a data set of 64 pictures, 8x8, grey."""

    def content_key(self) -> str:
        return "stand-in-discs"

    def __len__(self) -> int:
        return 64

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for number, pixels in enumerate(discs(PictureSpec(1, 8), len(self))):
            yield Picture(f"disc {number}", pixels.transpose(1, 2, 0))


def discs(picture: PictureSpec, count: int) -> np.ndarray:
    """Bright discs on a dark ground, uint8 ``(count, C, size, size)``, the same each time."""
    rng = np.random.default_rng(0)
    grid = np.arange(picture.size)
    down, right, radius = (rng.uniform(low, high, (count, 1, 1)) for low, high in ((0.3, 0.7), (0.3, 0.7), (0.1, 0.3)))
    squared = (grid[:, None] / picture.size - down) ** 2 + (grid[None, :] / picture.size - right) ** 2
    grey = np.where(squared < radius**2, 230, 20).astype(np.uint8)
    return np.repeat(grey[:, None], picture.channels, axis=1)


def disc_pictures(picture: PictureSpec, count: int = 64) -> Pictures:
    """The same as training sees them, with labels where the spec has classes."""
    labels = np.arange(count, dtype=np.int64) % picture.classes if picture.classes else None
    return Pictures(discs(picture, count), labels, picture, "discs", "train", "0" * 64)
