"""Reading streams of images into features."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Extractor, Mode
from ganzoo.metrics.extractors import Source
from ganzoo.metrics.features import Statistics
from ganzoo.metrics.running import RunningStatistics
from ganzoo.utils.waiting import waiting

if TYPE_CHECKING:
    from ganzoo.data.stream import StreamedArray

Progress = Callable[[str, int, int], None]
"""A function called with the name of the images being read, the number done and the total."""


class Reader:
    """One way of reading images: an extractor with its network, a mode, a device. The network is loaded at first use.

    On several ranks each reads its own images, image k on rank ``k % world``, and all get the result for all images.
    Raises GanzooError for an unknown mode, and as :meth:`ganzoo.metrics.extractor.Extractor.check` does.
    """

    def __init__(
        self,
        source: Source,
        mode: str,
        device: torch.device | str,
        features: Sequence[str],
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise GanzooError(f"metrics.mode={mode}: must be one of {', '.join(get_args(Mode))}")
        self.mode = cast(Mode, mode)
        self.source, self.device, self.features = source, torch.device(device), tuple(features)
        source.extractor.check(source.network, self.mode, self.features)
        # On a CPU, the activations of a small batch fit into its cache.
        self.batch = batch or (20 if self.device.type == "cpu" else 100)
        self._progress = progress

    @property
    def name(self) -> str:
        """A name that two readers share only if they read the same first feature; short enough for a file name."""
        feature = "" if self.reads_first else "+" + re.sub(r"[^A-Za-z0-9_-]", "", self.features[0])
        return f"{self.source.network.sha256[:16]}-{self.mode}-{self.device.type}{feature}"

    @property
    def reads_first(self) -> bool:
        """Whether the first feature is the extractor's first, for which data sets may ship statistics."""
        return self.features[0] == next(iter(self.source.entry.features))

    def of(self, features: Sequence[str], mode: Mode | None = None) -> Reader | None:
        """Return a reader like this one for these features, in another mode if one is given; None without features."""
        if not features:
            return None
        if tuple(features) == self.features and mode in (None, self.mode):
            return self
        return Reader(self.source, mode or self.mode, self.device, features, self.batch, self._progress)

    def protocol(self) -> dict[str, Any]:
        """Return what decides the features, for the protocol of a score."""
        network = self.source.network
        return {
            **self.source.extractor.protocol(network, self.mode, self.device),
            "network": network.sha256,
            "network_file": network.file_sha256,
            "network_source": network.source,
            "extractor": self.mode,
            "extractor_device": self.device.type,
        }

    def read(self, chunks: Iterable[Tensor], count: int, stage: str) -> dict[str, Tensor]:
        """Return the features by name, float32 ``(N, D)`` on the CPU.

        chunks: this rank's images, uint8 ``(n, C, H, W)``. count: the number of images of all ranks, N.
        """
        found: dict[str, list[Tensor]] = {name: [] for name in self.features}
        for part in self._parts(chunks, count, stage):
            for name, matrix in part.items():
                found[name].append(matrix.cpu())
        return {name: collectives.whole_batch(torch.cat(parts), count) for name, parts in found.items()}

    def statistics(self, chunks: Iterable[Tensor], count: int, stage: str) -> Statistics:
        """Return the mean and covariance of the first feature, summed on the device without keeping the features."""
        running = RunningStatistics()
        for part in self._parts(chunks, count, stage):
            running.add(part[self.features[0]])
        return running.result()

    def _parts(self, chunks: Iterable[Tensor], count: int, stage: str) -> Iterator[dict[str, Tensor]]:
        done = 0
        with self._telling(stage, count) as tell:
            tell(done)
            for part in regrouped(chunks, self.batch):
                yield self._extractor(part)
                done += len(part) * collectives.here().world
                tell(min(done, count))

    @contextmanager
    def _telling(self, stage: str, count: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that reports the number of images done: to ``progress``, or without it as a wait."""
        if (progress := self._progress) is not None:
            yield lambda done: progress(stage, done, count)
            return
        with waiting(f"reading {stage}", count, "images") as advance:
            told = [0]

            def tell(done: int) -> None:
                advance(done - told[0])
                told[0] = done

            yield tell

    @cached_property
    def _extractor(self) -> Extractor:
        return load_extractor(self.source, self.mode, self.device, self.features)


def load_extractor(source: Source, mode: Mode, device: torch.device, features: Sequence[str]) -> Extractor:
    """Return the extractor with its network, ready to be called."""
    return source.extractor(source.network, mode, device, features)


def regrouped(chunks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Yield the same images ``(n, C, H, W)`` in the same order, ``size`` at a time.

    The last part may be smaller, and so may a part before an image of another shape.
    """
    pending, count = list[Tensor](), 0
    for chunk in chunks:
        if pending and chunk.shape[1:] != pending[0].shape[1:]:
            yield from _whole(pending, count)
            pending, count = [], 0
        pending.append(chunk)
        count += len(chunk)
        if count >= size:
            *whole, rest = torch.cat(pending).tensor_split(tuple(range(size, count + 1, size)))
            yield from whole
            pending, count = [rest], len(rest)
    yield from _whole(pending, count)


def _whole(pending: list[Tensor], count: int) -> Iterator[Tensor]:
    if count:
        yield torch.cat(pending)


def array_chunks(array: NDArray[Any] | StreamedArray, size: int = 1000) -> Iterator[Tensor]:
    """Yield this rank's share of the images ``(N, C, H, W)`` as uint8 tensors of ``size`` at a time."""
    array = array[collectives.here().rank :: collectives.here().world]
    for start in range(0, len(array), size):
        yield torch.from_numpy(np.array(array[start : start + size], dtype=np.uint8))


__all__ = ["Progress", "Reader", "array_chunks", "load_extractor", "regrouped"]
