"""The data set that training reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganzoo.data.stream import StreamedArray
from ganzoo.data.usage import Usage
from ganzoo.entries import ImageSpec


@dataclass(frozen=True)
class Images:
    """The images of a data set.

    array: uint8 ``(N, C, H, W)``, memory-mapped, or decoded when it is read. labels: int64 ``(N,)`` or None.
    fingerprint: the SHA-256 of content and processing; same fingerprint, same array.
    resize: how the images were resized, empty if they were not.
    skipped: the names of images that were left out. usage: how many images are used, and why the others are not.
    """

    array: np.ndarray | StreamedArray
    labels: np.ndarray | None
    spec: ImageSpec
    name: str
    split: str
    fingerprint: str
    class_names: tuple[str, ...] = ()
    demonstration: bool = False
    resize: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    usage: Usage | None = None

    def __len__(self) -> int:
        return len(self.array)
