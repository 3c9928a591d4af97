"""Images and curves in the characters of a terminal. This module does not import torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from rich.console import Console, RenderableType
from rich.text import Text
from rich_pixels import Pixels

from ganzoo.utils.image_grid import GRID

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.-~=+*#"  # for terminals with ASCII only
SHADES = " .:-=+*#%@"  # for terminals without colours
SMALLEST = 12  # pixels per side at which an image is still recognisable
MANY = (4, 2)  # columns and rows of images: images are made smaller until this many fit


def sparkline(values: Sequence[float], width: int, low: float, high: float, ascii_only: bool = False) -> str:
    """Draw a curve as one line of at most ``width`` characters, from ``low`` to ``high``.

    A character is the mean of several values if there are more values than characters.
    """
    parts = np.array_split(np.asarray(values, dtype=float), min(width, len(values))) if values else []
    bars = PLAIN_BARS if ascii_only else BARS
    shares = [(part.mean() - low) / ((high - low) or 1.0) for part in parts]
    return "".join(bars[int(np.clip(share * len(bars), 0, len(bars) - 1))] for share in shares)


def images(cells: np.ndarray, width: int, lines: int, console: Console) -> RenderableType:
    """Draw as many of the images ``(N, H, W, 3)``, uint8, as fit at a recognisable size; empty if none fits.

    A character shows two pixels, one above the other; without colours, it is one shade for both.
    """
    if width < SMALLEST or 2 * lines < SMALLEST:
        return Text()
    size = cells.shape[1]
    wanted = min((width + 1) // MANY[0] - 1, (2 * lines + 1) // MANY[1] - 1)
    side = min(size, max(SMALLEST, wanted))
    columns, rows = (min(GRID, max(1, (room + 1) // (side + 1))) for room in (width, 2 * lines))
    sheet = Image.new("RGBA", (columns * (side + 1) - 1, -(-(rows * (side + 1) - 1) // 2) * 2))
    for place in range(columns * rows):
        row, column = divmod(place, columns)
        if place < len(cells):
            image = Image.fromarray(cells[place]).resize((side, side), Image.Resampling.BOX)
            sheet.paste(image, (column * (side + 1), row * (side + 1)))
    plain = console.color_system is None or console.no_color or console.options.ascii_only
    return _shaded(sheet) if plain else Pixels.from_image(sheet)


def _shaded(sheet: Image.Image) -> Text:
    grey = np.asarray(sheet.convert("L").resize((sheet.width, sheet.height // 2), Image.Resampling.BOX))
    return Text("\n".join("".join(SHADES[value * len(SHADES) // 256] for value in line) for line in grey.tolist()))


__all__ = ["images", "sparkline"]
