"""Batches in an order that depends on nothing but the seed and the count of pictures shown so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.pictures import Pictures


class Feed:
    """Pictures as float32 ``(batch, C, H, W)`` in [-1, 1] on the device, with int64 labels ``(batch,)`` or None.

    The set lives on the device as uint8 where it takes less than half of the free memory, else it is read from
    the memory map batch by batch. ``mirror`` flips half of the pictures, decided anew each epoch. ``resident`` says
    where the set lives, whatever fits.
    """

    def __init__(
        self,
        pictures: Pictures,
        batch: int,
        seed: int,
        device: torch.device | str,
        mirror: bool = False,
        resident: bool | None = None,
    ) -> None:
        self.count, self.size, self.seed = len(pictures), batch, seed
        self.device, self.mirror = torch.device(device), mirror
        self.array = pictures.array
        fits = pictures.array.nbytes < _free_memory(self.device) / 2
        self.resident = fits if resident is None else resident
        self.pictures = torch.from_numpy(np.array(pictures.array)).to(self.device) if self.resident else None
        self.labels = None if pictures.labels is None else torch.from_numpy(pictures.labels).to(self.device)
        self._orders: dict[int, tuple[Tensor, Tensor]] = {}

    def batch(self, shown: int) -> tuple[Tensor, Tensor | None]:
        """The batch that starts at the ``shown``-th picture ever shown; it may reach into the next epoch."""
        index, flips = self._index(shown)
        if self.pictures is not None:
            on_device = index.to(self.device, non_blocking=True)
            raw = self.pictures[on_device]
        else:
            raw = torch.from_numpy(self.array[index.numpy()])
            if self.device.type == "cuda":
                raw = raw.pin_memory()
            on_device, raw = index.to(self.device), raw.to(self.device, non_blocking=True)
        real = raw.float().mul_(1 / 127.5).sub_(1)
        if self.mirror:
            real = torch.where(flips.to(self.device)[:, None, None, None], real.flip(3), real)
        return real, None if self.labels is None else self.labels[on_device]

    def _index(self, shown: int) -> tuple[Tensor, Tensor]:
        parts, needed = [], self.size
        while needed:
            epoch, position = divmod(shown, self.count)
            order, flips = self._order(epoch)
            taken = slice(position, position + needed)
            parts.append((order[taken], flips[taken]))
            needed -= len(order[taken])
            shown += len(order[taken])
        return torch.cat([order for order, _ in parts]), torch.cat([flips for _, flips in parts])

    def _order(self, epoch: int) -> tuple[Tensor, Tensor]:
        """An epoch's permutation and flips; only the last two epochs are remembered."""
        if epoch not in self._orders:
            rng = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
            order = torch.randperm(self.count, generator=rng)
            flips = torch.rand(self.count, generator=rng) < 0.5
            self._orders = {old: self._orders[old] for old in self._orders if old == epoch - 1}
            self._orders[epoch] = order, flips
        return self._orders[epoch]


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    except (OSError, StopIteration):
        return 4 * 2**30  # a guess for systems that do not say
