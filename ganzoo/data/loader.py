"""Batches in an order that depends only on the seed, the order's variant and the number of images shown so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.dataset import Images
from ganzoo.data.stream import StreamedArray
from ganzoo.distributed import collectives
from ganzoo.utils.waiting import waiting


class Feed:
    """The batches of a run: float32 images in [-1, 1] on the device, with int64 labels or None.

    The set is kept on the device as uint8 if it takes less than half of the free memory, or of this rank's share of it
    if ranks share the memory; otherwise each batch is read from the memory map or from the stream.

    batch: the size of a batch; each of several ranks reads its share. mirror: flip half of the images, chosen again in
    each epoch. resident: whether the set is kept on the device; None: if it fits.
    """

    def __init__(
        self,
        images: Images,
        batch: int,
        seed: int,
        device: torch.device | str,
        mirror: bool = False,
        resident: bool | None = None,
    ) -> None:
        self.count, self.size, self.seed, self.variant = len(images), batch, seed, 0
        self.device, self.mirror = torch.device(device), mirror
        self.array = images.array
        self.streamed = self.array if isinstance(self.array, StreamedArray) else None
        fits = self.streamed is None and images.array.nbytes < _free_memory(self.device) / 2
        self.resident = fits if resident is None else resident
        with waiting(f"loading {images.name}"):
            self.images = torch.from_numpy(np.array(images.array)).to(self.device) if self.resident else None
        self.labels = None if images.labels is None else torch.from_numpy(images.labels).to(self.device)
        # seek() fills these tensors and read() reads them; a captured CUDA graph needs them at fixed addresses.
        epochs = 1 + -(-batch // self.count)
        self._epoch: int | None = None
        self._host_order = torch.empty(0, dtype=torch.int64)
        self._order = torch.zeros(epochs * self.count, dtype=torch.int64, device=self.device)
        self._flips = torch.zeros(epochs * self.count, dtype=torch.bool, device=self.device)
        place = collectives.here()
        self._rows = slice(place.rank, batch, place.world)  # this rank's rows of a batch
        self._range = torch.arange(place.rank, batch, place.world, device=self.device)
        self._position = torch.zeros((), dtype=torch.int64, device=self.device)
        read = 0 if self.resident else len(self._range)
        self._read = torch.zeros((read, *self.array.shape[1:]), dtype=torch.uint8)
        if self.device.type == "cuda":
            self._read = self._read.pin_memory()
        self._raw = torch.zeros_like(self._read, device=self.device)

    def batch(self, shown: int) -> tuple[Tensor, Tensor | None]:
        """Return the batch that follows the first ``shown`` images of the run; it may reach into the next epoch."""
        self.seek(shown)
        return self.read()

    def seek(self, shown: int) -> None:
        """Prepare the batch that follows the first ``shown`` images of the run: the host's whole work for a batch."""
        position = self._turn_to(shown)
        self._position.fill_(position)
        if self.images is None:
            if self.device.type == "cuda":
                torch.cuda.current_stream(self.device).synchronize()  # the last copy may still read the buffer
            self._read.numpy()[:] = self.array[self._host_order[position:][self._rows].numpy()]
            self._raw.copy_(self._read, non_blocking=True)
        if self.streamed is not None:
            coming = self._host_order[position + self.size + self._rows.start :: self._rows.step]
            self.streamed.expect(coming.numpy(), len(self._range), self._rows.step)

    def arrived(self, shown: int, batches: int) -> bool:
        """Return whether the images of the next ``batches`` of a streamed set are decoded; wait only briefly.

        Raises GanzooError if an image cannot be read.
        """
        assert self.streamed is not None
        position = self._turn_to(shown)
        coming = self._host_order[position : position + batches * self.size]
        return self.streamed.arrived(coming[self._rows.start :: self._rows.step].numpy())

    def close(self) -> None:
        """Stop reading ahead. Called when no more batches are needed."""
        if self.streamed is not None:
            self.streamed.close()

    def vary(self, variant: int) -> None:
        """Change the order of the images: each ``variant`` has its own; 0 is the seed's."""
        self.variant, self._epoch = variant, None

    def read(self) -> tuple[Tensor, Tensor | None]:
        """Return this rank's share of the prepared batch: images ``(n, C, H, W)`` and labels ``(n,)`` or None.

        It works only on the device, so that it can be captured in a CUDA graph.
        """
        place = self._position + self._range
        index = self._order[place]
        raw = self._raw if self.images is None else self.images[index]
        real = raw.float().mul_(1 / 127.5).sub_(1)
        if self.mirror:
            real = torch.where(self._flips[place][:, None, None, None], real.flip(3), real)
        return real, None if self.labels is None else self.labels[index]

    def _turn_to(self, shown: int) -> int:
        """Load the order of the epoch after ``shown`` images; return the position of the next image in it."""
        epoch, position = divmod(shown, self.count)
        if epoch != self._epoch:
            self._epoch = epoch
            orders = [self._shuffled(epoch + later) for later in range(len(self._order) // self.count)]
            self._host_order = torch.cat([order for order, _ in orders])
            self._order.copy_(self._host_order)
            self._flips.copy_(torch.cat([flips for _, flips in orders]))
        return position

    def _shuffled(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Return the permutation of an epoch and its flips."""
        rng = torch.Generator().manual_seed((self.seed * 1_000_003 + self.variant * 97_000_007 + epoch) % 2**63)
        streamed = self.streamed
        order = torch.randperm(self.count, generator=rng) if streamed is None else streamed.shuffled(rng)
        return order, torch.rand(self.count, generator=rng) < 0.5


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    except (OSError, StopIteration):
        free = 4 * 2**30  # a guess for systems that do not report it
    return free // collectives.ranks_here()
