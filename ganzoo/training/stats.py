"""Sums over the steps of one log interval, kept on the device and read once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.distributed.device import accumulator

NEVER = 2**62
# How to convert the means of what the device sums for these: the mean sign of the real/fake pairs, the share of pairs
# with a sign other than 0, and the share of fakes judged to be real.
AS_READ = {
    "auc": lambda sign: (sign + 1) / 2,
    "ties": lambda ranked: 1 - ranked,
    "accuracy_fake": lambda real: 1 - real,
}


class Sums(NamedTuple):
    """The sums of K values that are always added together.

    totals: each value's total and, last, how often they were added, float64 (on MPS float32) ``(K + 1,)``.
    firsts: the first step at which each value was not finite, else NEVER, int64 ``(K + 1,)``.
    """

    totals: Tensor
    firsts: Tensor


class Statistics:
    """Named means over a log interval.

    Every added value is also checked: the first step at which it is not finite is stored on the device, so that nothing
    is read back while training. A captured step keeps writing into the tensors of its capture, so each list of names
    that are added together keeps the same tensors for ever; a step with a lazy penalty has another list than a step
    without.
    """

    def __init__(self, device: torch.device | str, zero_is_border: bool) -> None:
        self.device, self.zero_is_border = torch.device(device), zero_is_border
        self.step = torch.zeros((), dtype=torch.int64, device=self.device)
        self._one = torch.ones((), device=self.device)
        self._sums: dict[tuple[str, ...], Sums] = {}
        self._waiting: list[tuple[str, Tensor]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all values added in the block when it ends, in the six operators that one value takes.

        If the block fails, nothing is written. The values must not be changed in place before the block ends.
        """
        self._waiting = []
        try:
            yield
            self._write(self._waiting)
        finally:
            self._waiting = None

    def add(self, name: str, value: Tensor) -> None:
        """Add one step's scalar."""
        added = name, value.detach().float()
        if self._waiting is None:
            self._write([added])
        else:
            self._waiting.append(added)

    def add_logits(self, d_real: Tensor, d_fake: Tensor) -> None:
        """Add how well the discriminator separates real from fake images. Logits: ``(N,)``, float32.

        ``auc``: the share of real/fake pairs ranked correctly (ties count half). ``ties``: the share of pairs with
        equal logits. If 0 is the border between real and fake, also the accuracy on each side.
        """
        d_real, d_fake = d_real.detach(), d_fake.detach()
        signs = (d_real[:, None] - d_fake[None, :]).sign()
        self.add("auc", signs.mean())
        self.add("ties", signs.abs().mean())
        if self.zero_is_border:
            self.add("accuracy_real", (d_real > 0).mean(dtype=torch.float32))
            self.add("accuracy_fake", (d_fake >= 0).mean(dtype=torch.float32))

    def read(self) -> tuple[dict[str, float], dict[str, int]]:
        """Return the means since the last call, and the first non-finite step of each bad value. Reset the sums."""
        if not self._sums:
            return {}, {}
        totals = collectives.total(torch.cat([sums.totals for sums in self._sums.values()])).tolist()
        firsts = collectives.least(torch.cat([sums.firsts for sums in self._sums.values()])).tolist()
        parts: dict[str, list[float]] = {}
        counts: dict[str, float] = {}
        bad: dict[str, int] = {}
        start = 0
        for names, sums in self._sums.items():
            count = totals[start + len(names)]
            for place, name in enumerate(names, start):
                if count:
                    parts.setdefault(name, []).append(totals[place])
                    counts[name] = counts.get(name, 0.0) + count
                if firsts[place] != NEVER:
                    bad[name] = min(firsts[place], bad.get(name, NEVER))
            start += len(sums.totals)
            sums.totals.zero_()
            sums.firsts.fill_(NEVER)
        # Sorted: a resumed run may add the lists of names in another order, and must round the same.
        means = {name: sum(sorted(found)) / counts[name] for name, found in parts.items()}
        return {name: AS_READ[name](mean) if name in AS_READ else mean for name, mean in means.items()}, bad

    def _write(self, values: list[tuple[str, Tensor]]) -> None:
        names = tuple(name for name, _ in values)
        if not names:
            return
        if names not in self._sums:
            totals = torch.zeros(len(names) + 1, dtype=accumulator(self.device), device=self.device)
            self._sums[names] = Sums(totals, torch.full_like(totals, NEVER, dtype=torch.int64))
        totals, firsts = self._sums[names]
        row = torch.stack([*(value for _, value in values), self._one])
        totals += row
        torch.where(row.abs() < math.inf, firsts, torch.minimum(firsts, self.step), out=firsts)
