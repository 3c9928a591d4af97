"""A moving average that is meaningful from its first value on."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """An exponential moving average of scalars, bias-corrected as in Adam (Kingma, Ba 2015, arXiv:1412.6980, sec. 3).

    The first average equals the first value, so no warm-up is needed. The state is two buffers: ``total``, the weighted
    sum of the values, and ``weights``, the sum of their weights.
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
        """Add a 0-dim value, the same on every rank. Return the new average, 0-dim and without gradient."""
        self.total.lerp_(value.float(), 1 - self.decay)
        self.weights.lerp_(torch.ones_like(self.weights), 1 - self.decay)
        return self.total / self.weights
