"""Losses on logits ``(N,)``, or on patch logits ``(N, ...)``.

With s the sigmoid, ``-log s(x) = softplus(-x)`` and ``-log(1 - s(x)) = softplus(x)``. Softplus is stable: it does not
overflow or underflow.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganzoo.interfaces import Discriminator, Loss
from ganzoo_losses.params import WGANParams


class PerFake(Loss):
    """A loss whose generator side is the mean of a function of each fake's logit."""

    @abstractmethod
    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        """Return the generator's loss for each fake's logit, in the shape of the logits."""

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return self.of_each_fake(d_fake).mean()


class Minimax(PerFake):
    """The zero-sum game (Goodfellow et al. 2014, eq. 1)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return softplus(-d_real).mean() + softplus(d_fake).mean()

    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        return -softplus(d_fake)


class NonSaturating(Minimax):
    """The game in which the generator maximises log s(d_fake) instead (Goodfellow et al. 2014, sec. 3).

    The fixed point is the same, and the gradient is larger where the discriminator is certain.
    """

    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        return softplus(-d_fake)


class Wasserstein(PerFake):
    """The Wasserstein-1 distance, for the best critic of Lipschitz constant 1 (Gulrajani et al. 2017, eq. 2)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return d_fake.mean() - d_real.mean()

    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        return -d_fake


class ClippedWasserstein(Wasserstein):
    """The same distance; clipped weights keep the critic Lipschitz (Arjovsky et al. 2017, algorithm 1)."""

    params: WGANParams

    def constrain(self, discriminator: Discriminator) -> None:
        """Clip every trained weight to [-clip, clip]."""
        weights: list[Tensor] = [weight for weight in discriminator.parameters() if weight.requires_grad]
        torch._foreach_clamp_min_(weights, -self.params.clip)
        torch._foreach_clamp_max_(weights, self.params.clip)


class LeastSquares(PerFake):
    """Least squares (Mao et al. 2017, eq. 2) with targets of -1 for fakes, 1 for real images and 0 for the generator.

    The paper has two codings (a, b, c) of these targets. This one, (-1, 1, 0), minimises Pearson's chi-squared
    divergence, and its border between real and fake is a logit of 0; with (0, 1, 1) the border would be 0.5.
    """

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return ((d_real - 1).square().mean() + (d_fake + 1).square().mean()) / 2

    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        return d_fake.square() / 2


class Hinge(PerFake):
    """The hinge loss, with margins of 1 on both sides (Lim, Ye 2017, eq. 7, 8; Miyato et al. 2018, eq. 16, 17)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return relu(1 - d_real).mean() + relu(1 + d_fake).mean()

    def of_each_fake(self, d_fake: Tensor) -> Tensor:
        return -d_fake


class Relativistic(Loss):
    """The logistic loss of (real, fake) pairs (Jolicoeur-Martineau 2019; RpGAN in Huang et al. 2024, eq. 2)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return softplus(d_fake - d_real).mean()

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        assert d_real is not None  # the entry sets generator_needs_real
        return softplus(d_real - d_fake).mean()
