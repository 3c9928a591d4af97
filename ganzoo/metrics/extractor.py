"""What an extractor is: the class that an :class:`ganzoo.ExtractorEntry` points to, and the network that it finds."""

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
"""How an extractor computes: in float32; as fast as the device can; as the code that defined the features does."""


@dataclass(frozen=True)
class Network:
    """The weights that an extractor found on this machine.

    path: the file to load.
    sha256: checksum of all that decides the features: the numbers, in whichever file they lie, and what is done to an
        image before it is read. Scores are compared and features are cached by it, so no other extractor shares it.
    file_sha256: checksum of the file that the numbers came from.
    source: that file in words.
    lacks: features that this network cannot give although its extractor offers them.
    """

    path: Path
    sha256: str
    file_sha256: str
    source: str
    lacks: tuple[str, ...] = ()


class Extractor(ABC):
    """Images to features. Constructed as ``cls(network, mode, device, features)``.

    Made on every rank for a score, after :meth:`find` and :meth:`check`. Loading the network draws no random number,
    and runs no code in a file of weights.

    network: what :meth:`find` returned. mode: how to compute: "exact" (float32), "fast", or "reference".
    device: the run's, which the network is moved to. features: the names of those that are wanted, all of them checked.
    """

    def __init__(self, network: Network, mode: Mode, device: torch.device, features: Sequence[str]) -> None:
        self.network, self.mode, self.device, self.features = network, mode, device, tuple(features)

    @classmethod
    @abstractmethod
    def find(cls, file: str | None, root: Path) -> Network:
        """Find the weights: in ``file`` if it is given, otherwise in the usual places of the network.

        Called on the first rank alone, before each score, and by plugins such as the report.

        root: the cache directory. Raises NetworkMissing if the weights are nowhere and cannot be downloaded,
        GanzooError for a file that is another network.
        """

    @classmethod
    def check(cls, network: Network, mode: Mode, features: Sequence[str]) -> None:
        """Raise GanzooError, before an image is read, if this network cannot give these features in this mode."""
        for feature in features:
            if feature in network.lacks:
                raise GanzooError(f"the network from {network.source} does not give {feature}; name another file")

    @classmethod
    def protocol(cls, network: Network, mode: Mode, device: torch.device) -> Mapping[str, Any]:
        """Say what else decides the features, such as resizing and normalisation, as plain values for JSON."""
        return {}

    @abstractmethod
    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Read a batch of images; return float32 features on the device, ``(N, D)`` by name.

        The features of an image do not depend on the other images of the batch. On several ranks each reads its own.

        images: uint8 ``(N, 1 or 3, H, W)`` on the device.
        """


__all__ = ["Extractor", "Mode", "Network"]
