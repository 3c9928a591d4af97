"""Streamed sets: their images are not kept, but read and decoded when training needs them.

Neighbouring images of a file form a block of a few megabytes, which is read as a whole. An epoch takes the blocks in a
random order and mixes the images of ``MIXED`` blocks at a time. As for a set in memory, this order depends only on the
seed. A run can therefore resume in the middle of an epoch from its count of images, after reading the blocks that are
mixed there. Threads read and decode a few batches ahead.
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

BLOCK = 4 * 2**20  # bytes of a block at most, unless it is a single larger image
MIXED = 32  # blocks whose images are shuffled together
KEPT = 3 * MIXED  # blocks in memory: those in use and those that follow
AHEAD = 4  # batches that are decoded in advance
LOOK = 0.2  # seconds that `arrived` waits at most


class StreamedArray:
    """A stand-in for the uint8 array ``(N, C, H, W)`` of a set.

    A slice is a view; indexing with a number or an array of numbers decodes the images. Raises GanzooError if an image
    has changed since the set was scanned.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, reader: BlockReader, index: np.ndarray) -> None:
        self.reader, self.index = reader, index

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.index), *self.reader.shape)

    @property
    def nbytes(self) -> int:
        """The bytes that the decoded images would take in memory."""
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
        """Return the order of an epoch, int64 ``(N,)``: random blocks, and random images within ``MIXED`` of them."""
        bounds = self.reader.bounds
        order = torch.randperm(len(bounds) - 1, generator=rng).numpy()
        mixed = []
        for start in range(0, len(order), MIXED):
            blocks = order[start : start + MIXED]
            group = torch.from_numpy(np.concatenate([np.arange(bounds[b], bounds[b + 1]) for b in blocks]))
            mixed.append(group[torch.randperm(len(group), generator=rng)])
        return torch.cat(mixed)

    def expect(self, coming: np.ndarray, batch: int, world: int = 1) -> None:
        """Prepare for the next requests.

        coming: the numbers of the images that this rank will request, each ``world``-th of all. batch: the number of
        images in one request.
        """
        group = MIXED * -(-len(self.reader.places) // (len(self.reader.bounds) - 1))
        self.reader.expect(coming[: AHEAD * batch], coming[AHEAD * batch : group // world])

    def arrived(self, coming: np.ndarray) -> bool:
        """Return whether these images are decoded; wait ``LOOK`` seconds at most.

        Raises GanzooError if one of them cannot be read.
        """
        return self.reader.arrived(self.index[coming])

    def close(self) -> None:
        """Cancel reading ahead, so that the exit waits only for reads that are already in progress."""
        self.reader.close()


class BlockReader:
    """A reader and decoder of the images of a source.

    places: ``(N, 3)``, the file, first byte and end of each image. shape: the shape ``(C, H, W)`` of a decoded image.
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
        """Return the images of these numbers, uint8 ``(len(index), C, H, W)``."""
        due = self._due(index)
        found = np.empty((len(index), *self.shape), np.uint8)
        for row, number in enumerate(index.tolist()):
            found[row] = due[number].result()
        return found

    def arrived(self, index: np.ndarray) -> bool:
        """Return whether these images are decoded, as :meth:`StreamedArray.arrived`; keep them until others are due."""
        due = self._due(index)
        self._decoded |= due
        done, missing = wait(due.values(), LOOK)
        for future in done:
            future.result()
        return not missing

    def expect(self, soon: np.ndarray, later: np.ndarray) -> None:
        """Start to decode the images ``soon`` and to read the blocks of ``later``; forget all other decoded images."""
        self._decoded = self._due(soon)
        for block in dict.fromkeys((np.searchsorted(self.bounds, later, "right") - 1).tolist()):
            self._block(block)

    def close(self) -> None:
        """Stop the threads and close the source."""
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
        """Return the bytes of a block; read it unless it is one of the ``KEPT`` blocks that were used last."""
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
    """Return the first image of each block, and the end. A block ends with its file or after ``BLOCK`` bytes."""
    file, start, stop = places.T
    bounds: list[int] = []
    for first, end in pairwise([0, *(np.flatnonzero(np.diff(file)) + 1).tolist(), len(places)]):
        while first < end:
            bounds.append(first)
            first = max(first + 1, first + int(np.searchsorted(stop[first:end], start[first] + BLOCK, "right")))
    return np.asarray([*bounds, len(places)], dtype=np.int64)
