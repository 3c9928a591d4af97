"""The generator's moving average, its decay in a tensor."""

from __future__ import annotations

from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch import nn

from ganzoo.config import EMAConfig


def decay_per_step(settings: EMAConfig, shown: int, pictures: int) -> float:
    """What stays of the average at a generator step that ``pictures`` real pictures were shown for, from a half-life in
    pictures that is shorter at the start (Karras et al. 2020, arXiv:2006.06676)."""
    half_life = min(settings.half_life_kimg * 1000, settings.ramp_up * shown)
    return 0.5 ** (pictures / half_life) if half_life > 0 else 0.0


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
