"""The interface of an extractor: the class that a :class:`ganzoo.ExtractorEntry` points to, and its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganzoo.errors import GanzooError

Mode = Literal["exact", "fast", "reference"]
"""How an extractor computes: exact, in float32; fast, in the device's fastest precision; reference, with the code that
defined the features."""


@dataclass(frozen=True)
class Network:
    """The weights that an extractor found on this machine.

    path: the file to load.
    sha256: the checksum of everything that decides the features: the weights, independent of their file format, and the
        preprocessing of an image. It identifies comparable scores and cached features, so it is unique to an extractor.
    file_sha256: the checksum of the file that the weights came from.
    source: that file in words.
    lacks: the features that this network does not have although its extractor offers them.
    """

    path: Path
    sha256: str
    file_sha256: str
    source: str
    lacks: tuple[str, ...] = ()


class Extractor(ABC):
    """A function from images to features. Constructed as ``cls(network, mode, device, features)``.

    Made on every rank for a score, after :meth:`find` and :meth:`check`. Loading the network must draw no random
    numbers and run no code from a file of weights.

    network: the result of :meth:`find`. mode: how to compute: "exact" (float32), "fast", or "reference".
    device: the run's device, to which the network is moved. features: the names of the features to return, all checked.
    """

    def __init__(self, network: Network, mode: Mode, device: torch.device, features: Sequence[str]) -> None:
        self.network, self.mode, self.device, self.features = network, mode, device, tuple(features)

    @classmethod
    @abstractmethod
    def find(cls, file: str | None, root: Path) -> Network:
        """Find the weights: in ``file`` if it is given, otherwise in the usual places of the network.

        Called before each score, on the first rank first and then on the others, and by plugins such as the report.

        root: the cache directory. Raises NetworkMissing if the weights are not found and cannot be downloaded,
        GanzooError if the file holds another network.
        """

    @classmethod
    def check(cls, network: Network, mode: Mode, features: Sequence[str]) -> None:
        """Raise GanzooError, before any image is read, if this network cannot compute these features in this mode."""
        for feature in features:
            if feature in network.lacks:
                raise GanzooError(f"the network from {network.source} does not give {feature}; name another file")

    @classmethod
    def protocol(cls, network: Network, mode: Mode, device: torch.device) -> Mapping[str, Any]:
        """Return what else decides the features, such as resizing and normalisation, as plain values for JSON."""
        return {}

    @abstractmethod
    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of a batch of images, by name: float32 ``(N, D)`` on the device.

        An image's features must not depend on the other images of the batch. Each rank reads its own images.

        images: uint8 ``(N, 1 or 3, H, W)`` on the device.
        """


__all__ = ["Extractor", "Mode", "Network"]
