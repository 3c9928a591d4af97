"""Sums of what happened in the steps of one log interval, kept on the device and read once."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo import ranks

NEVER = 2**62


class Statistics:
    """Named means over a log interval.

    Everything that is added is also watched for values that are not finite: the step of the first one
    is remembered on the device, so that nothing is read back while training. Each name keeps its tensors
    for good, as a captured step goes on writing into those it was captured with.
    """

    def __init__(self, device: torch.device | str, zero_is_border: bool) -> None:
        self.device, self.zero_is_border = torch.device(device), zero_is_border
        self.step = torch.zeros((), dtype=torch.int64, device=self.device)
        self._totals: dict[str, Tensor] = {}  # sum and count
        self._bad: dict[str, Tensor] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Add one step's scalar."""
        value = value.detach().float()
        if name not in self._totals:
            self._totals[name] = torch.zeros(2, dtype=torch.float64, device=self.device)
            self._bad[name] = torch.full((), NEVER, dtype=torch.int64, device=self.device)
        total, count = self._totals[name].unbind()
        total += value
        count += 1
        now = torch.where(torch.isfinite(value), NEVER, self.step)
        torch.minimum(self._bad[name], now, out=self._bad[name])

    def add_logits(self, d_real: Tensor, d_fake: Tensor) -> None:
        """How well the discriminator tells them apart: ``auc``, the share of real/fake pairs ranked rightly
        (ties count half), ``ties``, the share of pairs it does not rank at all, and, where 0 is the border, the
        accuracy on each side. Logits ``(N,)``."""
        d_real, d_fake = d_real.detach(), d_fake.detach()
        signs = (d_real[:, None] - d_fake[None, :]).sign()
        self.add("auc", (signs.mean() + 1) / 2)
        self.add("ties", 1 - signs.abs().mean())
        if self.zero_is_border:
            self.add("accuracy_real", (d_real > 0).float().mean())
            self.add("accuracy_fake", (d_fake < 0).float().mean())

    def read(self) -> tuple[dict[str, float], dict[str, int]]:
        """Means since the last call, and for each part that was not finite the first step that it was so. Resets."""
        if not self._totals:
            return {}, {}
        totals = ranks.total(torch.stack(list(self._totals.values()))).tolist()
        firsts = ranks.least(torch.stack(list(self._bad.values()))).tolist()
        for total, bad in zip(self._totals.values(), self._bad.values(), strict=True):
            total.zero_()
            bad.fill_(NEVER)
        means = {name: total / count for name, (total, count) in zip(self._totals, totals, strict=True) if count}
        return means, {name: step for name, step in zip(self._bad, firsts, strict=True) if step != NEVER}
