"""Read a run's image grids, cut them into images, and lay out images. No torch here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

GRID = 8  # images along each side of a grid
GAP = 2  # pixels between images


def read_grid(file: Path) -> np.ndarray | None:
    """Return the images of a grid in a PNG, as :func:`cut` does; None if the file is missing or no such grid."""
    try:
        with opened_png(file) as image:
            return cut(image)
    except (OSError, ValueError, SyntaxError):
        return None


def sheet(images: np.ndarray, columns: int) -> Image.Image:
    """Lay out uint8 images ``(N, H, W, 3)`` row by row without gaps; the result has mode L if all of them are grey."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, height, width, 3), dtype=np.uint8)
    padded[:count] = images
    whole = padded.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    whole = whole.reshape(rows * height, columns * width, 3)
    grey = (images == images[..., :1]).all()
    return Image.fromarray(whole[..., 0].copy() if grey else whole)


@contextmanager
def opened_png(file: Path) -> Iterator[Image.Image]:
    """Yield an untrusted PNG, to be decoded in the block. Raises OSError, ValueError or SyntaxError if the file is no
    PNG or would fill the memory."""
    if not file.is_file():  # reading a pipe may never end
        raise FileNotFoundError(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=["PNG"]) as image:
                yield image
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError("it is too large to be decoded safely") from error


def cut(grid: Image.Image) -> np.ndarray | None:
    """Return the uint8 images ``(GRID**2, H, W, 3)`` of a grid; None if the image is not such a grid."""
    array = np.asarray(grid.convert("RGB"))
    cell = (array.shape[0] - GAP) // GRID
    if array.shape[0] != array.shape[1] or cell * GRID + GAP != array.shape[0] or cell <= GAP:
        return None
    cells = array[GAP:, GAP:].reshape(GRID, cell, GRID, cell, 3).swapaxes(1, 2)
    return cells[:, :, : cell - GAP, : cell - GAP].reshape(GRID**2, cell - GAP, cell - GAP, 3)
