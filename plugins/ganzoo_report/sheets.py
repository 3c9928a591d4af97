"""Puts images into the page: one small sheet for each snapshot, all together within a budget of bytes."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from ganzoo.utils.image_grid import sheet

COLUMNS = 4
BUDGET = 12 * 2**20  # bytes of all sheets together, before base64 makes them a third longer
LOSSY = (90, 75, 50)  # qualities to try if a lossless sheet is too big


def data_uri(images: np.ndarray, budget: int, columns: int = COLUMNS) -> str:
    """Return a data URI of uint8 images ``(N, H, W, 3)`` on a sheet ``columns`` wide.

    The sheet is lossless if that takes at most ``budget`` bytes.
    """
    kind, content = _within(sheet(images, columns), budget, columns * 16)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _within(image: Image.Image, budget: int, least: int) -> tuple[str, bytes]:
    content = _encoded(image, "png", optimize=True)
    if len(content) <= budget:
        return "png", content
    while True:
        for quality in LOSSY:
            content = _encoded(image, "webp", quality=quality)
            if len(content) <= budget or min(image.size) <= least:
                return "webp", content
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
