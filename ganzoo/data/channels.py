"""Grey and colour: choose the number of channels of a set, and convert images to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

AUTO = "auto"
WORDS = {1: "grey", 3: "colour"}


def chosen_channels(setting: str, counts: Mapping[int, int]) -> int:
    """Return the channels that ``data.channels`` sets; for ``auto`` those of most images, 3 if it is a tie.

    counts: the number of images by their channels.
    """
    return int(setting) if setting != AUTO else max(counts, key=lambda channels: (counts[channels], channels))


def convert(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Convert uint8 ``(C, H, W)`` to 1 or 3 channels: repeat grey, or weight the colours by ITU-R BT.601."""
    if len(pixels) == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=0)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L"))[None]


def conversion(before: int, after: int) -> str:
    """Return the name of a conversion, for a count of images."""
    return f"{WORDS[before]} to {WORDS[after]}"
