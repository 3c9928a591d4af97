"""Derive the spec of a set from one of its images."""

from __future__ import annotations

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import SourceImage


def spec_of(item: SourceImage, classes: int = 0) -> ImageSpec:
    """Return the spec of images like this one, without their alpha channel; size 0 if it is not square."""
    height, width, channels = item.pixels.shape
    return ImageSpec(1 if channels < 3 else 3, height if height == width else 0, classes)
