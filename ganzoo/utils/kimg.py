"""Thousands of images, in which budgets are given."""

from __future__ import annotations

import math


def images_of(kimg: float) -> int:
    """Return a number of images: kimg rounded up, without the rounding error of the product (16.1 is 16,100 images)."""
    return math.ceil(round(kimg * 1000, 6))
