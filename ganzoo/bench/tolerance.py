"""How near a value that is computed again must be to the recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.publish import is_half

# Latents and noise are the same numbers on every device. Convolutions round differently, which changes some pixels by
# one step of 255 and a Fréchet distance by some thousandths; bf16 or TF32 in the generator would change it by more.
# Rounding the weights to float16 changes a few pixels in a hundred, mostly by one step. An extractor in bf16 (the mode
# fast) changed the Fréchet distances of three rows by 0.01 to 0.11, 0.2 % at most, and a precision by 0.009.
SAME_DEVICE, OTHER_DEVICE, ROUNDED, OTHER_MODE = 1e-4, 1e-2, 1e-2, 1e-2
SMALL = 0.1  # values below it, such as KID, are compared more closely


def tolerance_on(
    place: torch.device, protocol: Mapping[str, Any], checkpoint: Checkpoint | None = None, mode: str | None = None
) -> float:
    """Return the tolerance for a value that is computed again on the device ``place``.

    checkpoint: that of a run, whose weights may be rounded; the value may be that of the weights before. mode: the
    extractor's mode; None for the recorded one.
    """
    if checkpoint is not None and is_half(checkpoint):
        return ROUNDED
    if mode not in (None, protocol["extractor"]):
        return OTHER_MODE
    return SAME_DEVICE if protocol.get("extractor_device") == place.type else OTHER_DEVICE


def holds(found: float, recorded: float, tolerance: float) -> bool:
    """Return whether a value is near enough to the recorded one.

    tolerance: the largest difference, relative to the recorded magnitude. A magnitude from 0.1 to 1, such as that of a
    precision, counts as 1, and a smaller one, such as that of a KID, as 0.1. A difference of 1e-4 is always accepted:
    in a share of 10,000 images it is one image.
    """
    scale = max(1.0, abs(recorded)) if abs(recorded) >= SMALL else SMALL
    return abs(found - recorded) <= max(SAME_DEVICE, tolerance * scale)
