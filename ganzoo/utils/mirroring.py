"""Mirroring at the borders of an image."""

from __future__ import annotations

import torch
from torch import Tensor


def mirrored(index: Tensor, size: int) -> Tensor:
    """Map any indices to 0 ... size - 1 by mirroring; the outermost pixels are not repeated, so -1 becomes 1."""
    index = index.remainder(max(2 * (size - 1), 1))
    return torch.minimum(index, 2 * (size - 1) - index)
