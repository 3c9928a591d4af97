"""The generator's moving average, its decay in a tensor."""

from __future__ import annotations

from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch import nn


class Average(ModelEmaV3):
    """timm's average of weights and buffers, whose decay is changed by ``set_decay``.

    It stands in a tensor on the weights' device, since a captured step would go on with the number it was captured
    with.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.share = torch.ones((), device=next(model.parameters()).device)

    def set_decay(self, decay: float) -> None:
        """How much of the average stays at each update, 0 to 1."""
        self.share.fill_(1 - decay)

    def apply_update_(self, model: nn.Module, decay: Any) -> None:
        """Move towards ``model``; ``decay``, timm's own, is not used."""
        for mean, value in zip(self.module.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, self.share)
            else:
                mean.copy_(value)
