"""Mean and covariance without keeping what they are of."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.distributed.device import with_float64
from ganzoo.metrics.features import Statistics

BLOCK = 512  # rows gathered before they are added: each addition reads and writes the whole matrix


class RunningStatistics:
    """Sums over the rows of matrices ``(n, D)``, float64, on the device they are on, or on the CPU if it lacks that.

    The covariance comes from the sum of products less that of the means: at float64's 2e-16 and features of one scale
    the difference loses nothing that a Fréchet distance could show.
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
        """``mu`` and the unbiased ``sigma`` of two rows or more, those of all ranks."""
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
