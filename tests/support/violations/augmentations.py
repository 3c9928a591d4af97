"""Augmentations that each violate one check."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ganzoo.interfaces import Augmentation, draw_uniform
from support.violations.networks import OnceDifferentiable, late


class GoodAugmentation(Augmentation):
    def forward(self, images, rng):
        return images + self.strength * (draw_uniform((len(images), 1, 1, 1), rng, images) - 0.5)


class NoAugmentation(nn.Module):
    def __init__(self, image, params):
        super().__init__()


class Crops(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng)[..., 1:]


class DoubleAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng).double()


class Unbounded(GoodAugmentation):
    def adapt(self, d_real):
        self.strength += 0.01 * d_real.sign().mean()


class NormalisesBatch(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * images.std(0)


class ColourOnly(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * images[:, 2:3].mean()


class OneDraw(GoodAugmentation):
    def forward(self, images, rng):
        return images + self.strength * (torch.rand(1, 1, 1, 1, generator=rng, device=rng.device) - 0.5)


class OnceAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(OnceDifferentiable.apply(images), rng)


class ForgetfulAugmentation(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.shift = torch.rand(())

    def forward(self, images, rng):
        return super().forward(images, rng) + self.shift


class OwnNoise(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("noise", torch.linspace(-0.5, 0.5, 64)[:, None, None, None])

    def forward(self, images, rng):
        return images + self.strength * self.noise[: len(images)]


class WritesGivenImages(GoodAugmentation):
    def forward(self, images, rng):
        images.data.clamp_(-0.5, 0.5)
        return super().forward(images, rng)


class CountsSmallLogits(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.seen = torch.zeros(())

    def adapt(self, d_real):
        self.seen += d_real.abs().max() < 1

    def forward(self, images, rng):
        return super().forward(images, rng) * (1 + self.seen)


class DrawsFromRngInAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return images + self.strength * (torch.rand(len(images), 1, 1, 1, generator=rng, device=rng.device) - 0.5)


class RandomAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * np.random.rand()  # noqa: NPY002


class ListingAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        bright = max(images.flatten().tolist()) > 1e9
        return super().forward(images, rng) * (2 if bright else 1)


class MakesMask(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) * torch.ones(images.shape[1:]).to(images.dtype)


class FadingNoise(GoodAugmentation):
    """Conforms: its strength follows the progress of the run."""

    def adapt(self, d_real, progress):
        self.strength.copy_(1 - progress)


class LateAugmentation(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, images, rng):
        self.calls += 1
        return super().forward(images, rng) * late(self.calls)
