"""A source whose pictures come as one array."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ganzoo.interfaces import BadPicture, DataSource, Picture


class ArraySource(DataSource):
    """Pictures uint8 ``(N, H, W, C)`` and labels int64 ``(N,)``."""

    @abstractmethod
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Read both. Raises GanzooError where they are not to be had."""

    @cached_property
    def _loaded(self) -> tuple[np.ndarray, np.ndarray]:
        return self.load()

    def content_key(self) -> str:
        pictures, labels = self._loaded
        digest = hashlib.sha256(repr(pictures.shape).encode())
        digest.update(pictures.tobytes())
        digest.update(labels.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._loaded[0])

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for number, (pixels, label) in enumerate(zip(*self._loaded, strict=True)):
            yield Picture(f"picture {number}", pixels, int(label))
