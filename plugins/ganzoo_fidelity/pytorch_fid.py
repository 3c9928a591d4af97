"""The FID as pytorch-fid computes it: with the same network, but on images that PyTorch resized.

https://github.com/mseitzer/pytorch-fid. The two FIDs differ by up to a few points; most papers that used PyTorch report
this one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Mode, Network
from ganzoo_fidelity.extractor import InceptionExtractor
from ganzoo_fidelity.inception import as_pytorch
from ganzoo_fidelity.metrics import FID

RESIZE = "to 299 x 299, bilinear as in PyTorch, as pytorch-fid does"


class PytorchInceptionExtractor(InceptionExtractor):
    """The extractor of ``2048`` for images that are resized bilinearly by PyTorch, without antialiasing."""

    prepare = staticmethod(as_pytorch)

    @classmethod
    def find(cls, file: str | None, root: Path) -> Network:
        network = super().find(file, root)
        return replace(network, sha256=hashlib.sha256(f"{network.sha256}, resized {RESIZE}".encode()).hexdigest())

    @classmethod
    def check(cls, network: Network, mode: Mode, features: Sequence[str]) -> None:
        if mode == "reference":
            raise GanzooError("mode is reference, which is torch-fidelity's network; use exact or fast")
        super().check(network, mode, features)

    @classmethod
    def protocol(cls, network: Network, mode: Mode, device: torch.device) -> Mapping[str, Any]:
        return {**super().protocol(network, mode, device), "inception_resize": RESIZE}


class PytorchFID(FID):
    """``fid_pytorch``, the FID of these features."""

    value = "fid_pytorch"


__all__ = ["PytorchFID", "PytorchInceptionExtractor"]
