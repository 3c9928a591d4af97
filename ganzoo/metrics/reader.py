"""Streams of pictures to features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.metrics.extractor import Extractor, check_extraction, load_extractor
from ganzoo.metrics.features import Statistics
from ganzoo.metrics.network import Network
from ganzoo.metrics.running import RunningStatistics

if TYPE_CHECKING:
    from ganzoo.data.stream import StreamedArray

Progress = Callable[[str, int, int], None]
"""Called with what is being read, how many pictures are done, and of how many."""


class Reader:
    """One way of reading pictures: a network, an extraction mode, a device. The network is loaded when first used.

    Of several ranks each reads its own pictures, number k being of rank ``k % world``, and gets the results of all.
    """

    def __init__(
        self,
        network: Network,
        mode: str,
        device: torch.device | str,
        layers: Sequence[str],
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.mode = check_extraction(network, mode, layers)
        self.network, self.device, self.layers = network, torch.device(device), tuple(layers)
        # On a CPU the activations of few pictures stay in its cache.
        self.batch = batch or (20 if self.device.type == "cpu" else 100)
        self._progress = progress or (lambda stage, done, total: None)

    @property
    def name(self) -> str:
        """What two readings must share for their features to be the same, short enough for a file name."""
        return f"{self.network.sha256[:16]}-{self.mode}-{self.device.type}"

    def read(self, chunks: Iterable[Tensor], count: int, stage: str) -> dict[str, Tensor]:
        """Features of ``count`` uint8 pictures in all, its own coming in chunks ``(n, C, H, W)``: float32 ``(N, D)``
        per layer, on the CPU."""
        found: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
        for part in self._parts(chunks, count, stage):
            for layer, matrix in part.items():
                found[layer].append(matrix.cpu())
        return {layer: collectives.whole_batch(torch.cat(parts), count) for layer, parts in found.items()}

    def statistics(self, chunks: Iterable[Tensor], count: int, stage: str) -> Statistics:
        """Mean and covariance of the pool features, summed up on the device; no feature is kept."""
        running = RunningStatistics()
        for part in self._parts(chunks, count, stage):
            running.add(part["2048"])
        return running.result()

    def _parts(self, chunks: Iterable[Tensor], count: int, stage: str) -> Iterator[dict[str, Tensor]]:
        done = 0
        self._progress(stage, done, count)
        for part in regrouped(chunks, self.batch):
            yield self._extractor(part)
            done += len(part) * collectives.here().world
            self._progress(stage, min(done, count), count)

    @cached_property
    def _extractor(self) -> Extractor:
        return load_extractor(self.network, self.mode, self.device, self.layers)


def regrouped(chunks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """The same pictures ``(n, C, H, W)`` in the same order, ``size`` at a time; the last part may be smaller."""
    waiting, count = list[Tensor](), 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk)
        if count >= size:
            *whole, rest = torch.cat(waiting).tensor_split(tuple(range(size, count + 1, size)))
            yield from whole
            waiting, count = [rest], len(rest)
    if count:
        yield torch.cat(waiting)


def array_chunks(array: NDArray[Any] | StreamedArray, size: int = 1000) -> Iterator[Tensor]:
    """Pictures ``(N, C, H, W)``, wherever they lie, as uint8 tensors of ``size`` at a time; a rank's own."""
    array = array[collectives.here().rank :: collectives.here().world]
    for start in range(0, len(array), size):
        yield torch.from_numpy(np.array(array[start : start + size], dtype=np.uint8))


__all__ = ["Progress", "Reader", "array_chunks", "regrouped"]
