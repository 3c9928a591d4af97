"""The use of TF32 by an extractor. TF32 has 10 bits of mantissa, float32 has 23."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganzoo.metrics.extractor import Mode


def takes_tf32(mode: Mode, device: torch.device) -> bool:
    """Return whether float32 convolutions are computed in TF32."""
    if device.type != "cuda":
        return False
    return torch.backends.cudnn.allow_tf32 if mode == "reference" else mode == "fast"


@contextmanager
def precision(mode: Mode) -> Iterator[None]:
    """Compute in TF32 during the block in ``fast`` mode, not in ``exact`` mode; keep the settings in ``reference``."""
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cublas.allow_tf32
    if mode != "reference":
        cudnn.allow_tf32 = cublas.allow_tf32 = mode == "fast"
    try:
        yield
    finally:
        cudnn.allow_tf32, cublas.allow_tf32 = before


__all__ = ["precision", "takes_tf32"]
