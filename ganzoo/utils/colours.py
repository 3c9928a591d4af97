"""Colours by name."""

from __future__ import annotations

from PIL import ImageColor


def parse_colour(text: str) -> tuple[int, int, int]:
    """Read ``white`` or ``#ffffff`` as red, green and blue from 0 to 255. Raises ValueError for anything else."""
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        alpha = [0]
    if alpha:
        raise ValueError(f"{text!r}, must be the name of a colour or #rrggbb")
    return red, green, blue
