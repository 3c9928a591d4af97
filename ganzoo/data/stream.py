"""Sets that are kept nowhere: their images are read and decoded as they are shown.

Neighbouring images of a file are one block of some megabytes, which is read as a whole. An epoch takes the blocks in
a random order and mixes the images of so many blocks at a time. That order is a function of the seed, as that of a
set in memory is, so that a run goes on in the middle of an epoch by its count of images alone, after reading the
blocks that are being mixed there. Reading and decoding go on in threads, some batches ahead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.channels import convert
from ganzoo.data.decode import decode_named
from ganzoo.data.kinds import Unreadable
from ganzoo.data.prepare import Processing, prepare
from ganzoo.errors import GanzooError
from ganzoo.interfaces import StreamedSource
from ganzoo.utils.openmp import processors

BLOCK = 4 * 2**20  # bytes, at which a block ends
MIXED = 32  # blocks whose images are shuffled among each other
KEPT = 3 * MIXED  # blocks in memory: those being shown, those that follow
AHEAD = 4  # batches that are decoded before they are asked for
LOOK = 0.2  # seconds of waiting at a time


class StreamedArray:
    """Looks like the uint8 array ``(N, C, H, W)`` of a set. A slice is a view; what a number or an array of them picks
    is decoded. Raises GanzooError there where an image is not what it was when the set was looked through."""

    dtype = np.dtype(np.uint8)

    def __init__(self, reader: BlockReader, index: np.ndarray) -> None:
        self.reader, self.index = reader, index

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.index), *self.reader.shape)

    @property
    def nbytes(self) -> int:
        """What it would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return StreamedArray(self.reader, self.index[key])
        found = self.reader.images(np.atleast_1d(self.index[key]))
        return found if np.ndim(key) else found[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.reader.images(self.index).astype(dtype or self.dtype, copy=False)

    def shuffled(self, rng: torch.Generator) -> Tensor:
        """An epoch's order ``(N,)``, int64: blocks at random, images at random within so many of them."""
        bounds = self.reader.bounds
        order = torch.randperm(len(bounds) - 1, generator=rng).numpy()
        mixed = []
        for start in range(0, len(order), MIXED):
            blocks = order[start : start + MIXED]
            group = torch.from_numpy(np.concatenate([np.arange(bounds[b], bounds[b + 1]) for b in blocks]))
            mixed.append(group[torch.randperm(len(group), generator=rng)])
        return torch.cat(mixed)

    def expect(self, coming: np.ndarray, batch: int, world: int = 1) -> None:
        """Be ready for what will be asked for next, ``batch`` images at a time: each ``world``-th of all."""
        group = MIXED * -(-len(self.reader.places) // (len(self.reader.bounds) - 1))
        self.reader.expect(coming[: AHEAD * batch], coming[AHEAD * batch : group // world])

    def arrived(self, coming: np.ndarray) -> bool:
        """Whether these can be had, after a moment of waiting at most. Raises GanzooError: one cannot be."""
        return self.reader.arrived(self.index[coming])

    def close(self) -> None:
        """Let go of what was being read ahead: no exit waits for it, but for what a source is just reading."""
        self.reader.close()


class BlockReader:
    """Reads and decodes the images of a source, whose ``places`` ``(N, 3)`` are file, first and last byte of each.

    shape: of a decoded image, ``(C, H, W)``.
    """

    def __init__(
        self, source: StreamedSource, places: np.ndarray, shape: tuple[int, ...], processing: Processing
    ) -> None:
        self.source, self.places, self.shape, self.processing = source, places, shape, processing
        self.bounds = _blocks(places)  # the first image of each block, and the end
        self._kept: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._decoded: dict[int, Future[np.ndarray]] = {}
        self._lock = Lock()
        self._readers, self._decoders = ThreadPoolExecutor(4), ThreadPoolExecutor(min(16, processors()))

    def images(self, index: np.ndarray) -> np.ndarray:
        """uint8 ``(len(index), C, H, W)``."""
        due = self._due(index)
        found = np.empty((len(index), *self.shape), np.uint8)
        for row, number in enumerate(index.tolist()):
            found[row] = due[number].result()
        return found

    def arrived(self, index: np.ndarray) -> bool:
        """As :meth:`StreamedArray.arrived`; they are kept until others are expected."""
        due = self._due(index)
        self._decoded |= due
        done, missing = wait(due.values(), LOOK)
        for future in done:
            future.result()
        return not missing

    def expect(self, soon: np.ndarray, later: np.ndarray) -> None:
        """Decode those that come soon, and read the blocks of those that follow; forget what is not among them."""
        self._decoded = self._due(soon)
        for block in dict.fromkeys((np.searchsorted(self.bounds, later, "right") - 1).tolist()):
            self._block(block)

    def close(self) -> None:
        """No more images."""
        for threads in (self._decoders, self._readers):
            threads.shutdown(wait=False, cancel_futures=True)
        self.source.close()

    def _due(self, index: np.ndarray) -> dict[int, Future[np.ndarray]]:
        known, submit = self._decoded, self._decoders.submit
        return {number: known.get(number) or submit(self._decode, number) for number in dict.fromkeys(index.tolist())}

    def _decode(self, number: int) -> np.ndarray:
        block = int(np.searchsorted(self.bounds, number, "right")) - 1
        file, start, stop = self.places[number].tolist()
        first = int(self.places[self.bounds[block], 1])
        content = self._block(block).result()
        try:
            found = decode_named("", content[start - first : stop - first], formats=self.processing.formats)
            pixels = prepare(found, self.processing).pixels
        except Unreadable as error:
            raise GanzooError(f"{self.source.file_name(file)} was changed, at byte {start}: {error}") from error
        pixels = convert(pixels, self.shape[0])
        if pixels.shape != self.shape:
            raise GanzooError(f"{self.source.file_name(file)} was changed, at byte {start}; start again")
        return pixels

    def _block(self, block: int) -> Future[bytes]:
        """Its bytes, read where they are not kept; those used last are."""
        with self._lock:
            if block not in self._kept:
                first, last = self.places[self.bounds[block]], self.places[self.bounds[block + 1] - 1]
                read: Callable[..., bytes] = self.source.read
                self._kept[block] = self._readers.submit(read, int(first[0]), int(first[1]), int(last[2]))
            self._kept.move_to_end(block)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[block]


def _blocks(places: np.ndarray) -> np.ndarray:
    """Where blocks begin, and the end: at a new file, and after so many bytes."""
    file, start, stop = places.T
    bounds: list[int] = []
    for first, end in pairwise([0, *(np.flatnonzero(np.diff(file)) + 1).tolist(), len(places)]):
        while first < end:
            bounds.append(first)
            first = max(first + 1, first + int(np.searchsorted(stop[first:end], start[first] + BLOCK, "right")))
    return np.asarray([*bounds, len(places)], dtype=np.int64)
