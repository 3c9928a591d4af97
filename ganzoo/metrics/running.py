"""Running mean and covariance, without keeping the rows."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.distributed.device import with_float64
from ganzoo.metrics.features import Statistics

BLOCK = 512  # rows gathered before an addition, because each one reads and writes the whole matrix


class RunningStatistics:
    """Float64 sums over the rows of matrices ``(n, D)``, on their device, or on the CPU if that has no float64.

    The covariance is the sum of products minus the product of the means. In float64 (2e-16) and for features of similar
    scale, this difference loses nothing that a Fréchet distance could show.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum = self._products = torch.zeros((), dtype=torch.float64)
        self._waiting: list[Tensor] = []

    def add(self, rows: Tensor) -> None:
        """Add rows ``(n, D)``."""
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= BLOCK:
            self._flush()

    def result(self) -> Statistics:
        """Return ``mu`` and the unbiased ``sigma`` over the rows of all ranks, which must be two or more."""
        self._flush()
        count = int(collectives.total(torch.tensor(self.count)))
        mean = collectives.total(self._sum) / count
        sigma = (collectives.total(self._products) - count * torch.outer(mean, mean)) / (count - 1)
        return {"mu": mean.cpu().numpy(), "sigma": sigma.cpu().numpy()}

    def _flush(self) -> None:
        if self._waiting:
            rows = torch.cat(self._waiting)
            rows = rows.to(with_float64(rows.device)).double()
            self._waiting = []
            self.count += len(rows)
            self._sum = self._sum.to(rows.device) + rows.sum(0)
            self._products = self._products.to(rows.device) + rows.T @ rows
