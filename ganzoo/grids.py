"""The grids that a run's pictures lie in, and how they are taken out again. No torch here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

GRID = 8  # pictures along each side of a grid
GAP = 2  # pixels between them


def read_grid(file: Path) -> np.ndarray | None:
    """The pictures of a grid in a PNG, as :func:`cut`; None where it is not there or no such grid."""
    try:
        with Image.open(file, formats=["PNG"]) as image:
            return cut(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def cut(grid: Image.Image) -> np.ndarray | None:
    """The pictures ``(GRID**2, H, W, 3)``, uint8, of a grid; None where it is none."""
    array = np.asarray(grid.convert("RGB"))
    cell = (array.shape[0] - GAP) // GRID
    if array.shape[0] != array.shape[1] or cell * GRID + GAP != array.shape[0] or cell <= GAP:
        return None
    cells = array[GAP:, GAP:].reshape(GRID, cell, GRID, cell, 3).swapaxes(1, 2)
    return cells[:, :, : cell - GAP, : cell - GAP].reshape(GRID**2, cell - GAP, cell - GAP, 3)
