"""A source whose images are one array."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ganzoo.interfaces import BadImage, DataSource, SourceImage


class ArraySource(DataSource):
    """A source of images uint8 ``(N, H, W, C)`` and labels int64 ``(N,)``."""

    @abstractmethod
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and the labels. Raises GanzooError if they are not available."""

    @cached_property
    def _loaded(self) -> tuple[np.ndarray, np.ndarray]:
        return self.load()

    def content_key(self) -> str:
        images, labels = self._loaded
        digest = hashlib.sha256(repr(images.shape).encode())
        digest.update(images.tobytes())
        digest.update(labels.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._loaded[0])

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        for number, (pixels, label) in enumerate(zip(*self._loaded, strict=True)):
            yield SourceImage(f"image {number}", pixels, int(label))
