"""Whether functional transforms are active."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def transformed() -> bool:
    """Return whether ``torch.func`` or forward-mode differentiation is active, which support only plain operators."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
