"""Losses on logits ``(N,)``. With s the sigmoid, ``-log s(x) = softplus(-x)`` and ``-log(1 - s(x)) = softplus(x)``,
which neither over- nor underflow."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.interfaces import Loss


class Minimax(Loss):
    """The zero-sum game (Goodfellow et al. 2014, eq. 1)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return softplus(-d_real).mean() + softplus(d_fake).mean()

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return -softplus(d_fake).mean()


class NonSaturating(Minimax):
    """The generator maximises log s(d_fake) instead (Goodfellow et al. 2014, sec. 3): same fixed point, more gradient
    where the discriminator is sure."""

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return softplus(-d_fake).mean()


class Wasserstein(Loss):
    """The Wasserstein-1 distance, for the best critic of Lipschitz constant 1 (Gulrajani et al. 2017, eq. 2)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return d_fake.mean() - d_real.mean()

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return -d_fake.mean()
