"""A moving average that means something from its first value on."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """Exponential moving average of scalars with Adam's correction (Kingma, Ba 2015, arXiv:1412.6980, sec. 3).

    The first average is the first value itself, so no warm-up is needed. Its state is in buffers: ``total``, the
    weighted sum of the values, and ``weights``, the sum of their weights.
    """

    total: Tensor
    weights: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("weights", torch.zeros(()))

    @torch.no_grad()
    def update(self, value: Tensor) -> Tensor:
        """Take in a 0-dim value, the same on every rank, and return the average, 0-dim and without gradient."""
        self.total.lerp_(value.float(), 1 - self.decay)
        self.weights.lerp_(torch.ones_like(self.weights), 1 - self.decay)
        return self.total / self.weights
