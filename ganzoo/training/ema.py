"""The generator's moving average (EMA), with its decay in a tensor."""

from __future__ import annotations

from itertools import compress
from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from ganzoo.config.schema import EMAConfig


def decay_per_step(settings: EMAConfig, shown: int, images: int) -> float:
    """Return the EMA decay of one generator step, for ``images`` real images per step.

    The half-life, in images, is shorter at the start (Karras et al. 2020, arXiv:2006.06676).
    """
    half_life = min(settings.half_life_kimg * 1000, settings.ramp_up * shown)
    return 0.5 ** (images / half_life) if half_life > 0 else 0.0


class Average(ModelEmaV3):  # type: ignore[misc]
    """timm's average of weights and buffers; ``set_decay`` changes its decay.

    The decay is a tensor on the weights' device: a captured step would keep using a number from capture time.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.share = torch.ones((), device=next(model.parameters()).device)

    def set_decay(self, decay: float) -> None:
        """Set how much of the average remains at each update, 0 to 1."""
        self.share.fill_(1 - decay)

    def apply_update_(self, model: nn.Module, decay: Any) -> None:
        """Move the average towards ``model``; timm's argument ``decay`` is not used."""
        states = (module.state_dict(keep_vars=True).values() for module in (self.module, model))
        once = {id(mean): (mean, value) for mean, value in zip(*states, strict=True)}  # a tensor may have two names
        means, values = zip(*once.values(), strict=True)
        moving = [mean.is_floating_point() for mean in means]
        move = move_by_foreach if self.share.is_cuda else move_by_lerp
        if any(moving):
            move(list(compress(means, moving)), list(compress(values, moving)), self.share)
        if not all(moving):
            copied = [not moves for moves in moving]
            torch._foreach_copy_(list(compress(means, copied)), list(compress(values, copied)))


def move_by_lerp(means: list[Tensor], values: list[Tensor], share: Tensor) -> None:
    """Move each mean towards its value, by a ``share`` (a scalar tensor) of the difference."""
    torch._foreach_lerp_(means, values, [share] * len(means))


def move_by_foreach(means: list[Tensor], values: list[Tensor], share: Tensor) -> None:
    """Do the same as :func:`move_by_lerp`, up to rounding, in three kernels on CUDA.

    With ``share`` in a tensor ``_foreach_lerp_`` would start one kernel for each mean.
    """
    ways = torch._foreach_sub(values, means)
    torch._foreach_mul_(ways, share)
    torch._foreach_add_(means, ways)
