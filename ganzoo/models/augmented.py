"""A discriminator that sees its pictures through an augmentation."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Augmentation, Discriminator


class Augmented(Discriminator):
    """The training step's view of a discriminator: every picture it is shown is augmented first.

    Losses and penalties see this one and need not know. Without rng the pictures pass as they are.
    """

    def __init__(self, discriminator: Discriminator, augmentation: Augmentation) -> None:
        super().__init__()
        self.discriminator, self.augmentation = discriminator, augmentation
        self.picture, self.conditional = discriminator.picture, discriminator.conditional
        self.mixes_samples = discriminator.mixes_samples

    def forward(self, pictures: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        if rng is not None:
            with torch.autocast(pictures.device.type, enabled=False):  # places in a picture want all of float32
                pictures = self.augmentation(pictures.float(), rng)
        return self.discriminator(pictures, labels, rng=rng)
