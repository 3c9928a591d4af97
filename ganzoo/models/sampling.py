"""Sample images from a generator, and lay them out in grids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.drawing import CHUNK, draw_images, draw_inputs, seeded
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.utils.image_files import save_image as save_image
from ganzoo.utils.image_grid import GAP, GRID


def to_uint8(images: Tensor) -> Tensor:
    """Convert images in [-1, 1] to uint8, rounded as a PNG stores them."""
    return images.float().mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8)


def as_uint8(images: Tensor | np.ndarray) -> np.ndarray:
    """Turn images ``(N, C, H, W)``, uint8 or float in [-1, 1], into a uint8 array. Raises GanzooError otherwise."""
    try:  # torch shares the memory of an array only without negative strides
        found = torch.as_tensor(np.ascontiguousarray(images) if isinstance(images, np.ndarray) else images)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"the images are a {type(images).__name__}, must be a tensor or an array") from error
    if found.ndim != 4 or found.shape[1] not in (1, 3):
        raise GanzooError(f"the images have the shape {tuple(found.shape)}, must be (N, 1 or 3, H, W)")
    if not len(found):
        raise GanzooError("no images were given")
    if found.is_floating_point():
        if not found.isfinite().all() or found.abs().max() > 1:
            raise GanzooError("the images are not numbers in [-1, 1]; scale them, or pass uint8")
        found = to_uint8(found)
    if found.dtype != torch.uint8:
        raise GanzooError(f"the images are {found.dtype}, must be uint8 or floating-point numbers in [-1, 1]")
    return found.cpu().numpy()


def sample(
    generator: Generator, count: int, seed: int, *, label: Tensor | int | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield ``count`` images as uint8 chunks ``(n, C, H, W)`` on the CPU, as :func:`draw_images` draws them.

    label: classes ``(count,)``, one class for all, or None for random ones.
    """
    for images in draw_images(generator, count, seed, label, truncation):
        yield to_uint8(images).cpu()


def labels_of(generator: Generator, count: int, seed: int) -> Tensor | None:
    """Return the labels ``(count,)`` that :func:`sample` draws for its first images; None without classes.

    Raises ValueError if ``count`` is more than :data:`CHUNK`.
    """
    return first_draw(generator, count, seed)[1]


def first_draw(generator: Generator, count: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """Return the latents ``(count, Z)`` of the first images of :func:`sample`, and their labels as :func:`labels_of`
    does, on the CPU.

    Raises ValueError if ``count`` is more than :data:`CHUNK`.
    """
    if count > CHUNK:
        raise ValueError(f"count is {count}, must be {CHUNK} or less")
    latents, labels = draw_inputs(generator, seeded(seed), "cpu")
    return latents[:count], None if labels is None else labels[:count]


def grid_labels(classes: int) -> Tensor:
    """Return labels ``(GRID**2,)``, ascending, for a grid that shows the classes in order.

    With up to ``GRID`` classes each row shows one class. With more, the class changes within rows, and with more than
    ``GRID**2`` classes the grid shows evenly spaced ones.
    """
    if classes <= GRID:
        return (torch.arange(GRID) * classes // GRID).repeat_interleave(GRID)
    return torch.arange(GRID**2) * classes // GRID**2


def to_image(pixels: Tensor) -> Image.Image:
    """Convert one uint8 image ``(C, H, W)`` to a PIL image: mode L for one channel, RGB for three."""
    return Image.fromarray(pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy())


def grid(images: Tensor, columns: int) -> Image.Image:
    """Lay out uint8 images ``(N, C, H, W)`` row by row on white, with ``GAP`` pixels around each, even a single one."""
    count, channels, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = torch.full((channels, rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), 255, dtype=torch.uint8)
    for place, pixels in enumerate(images):
        top, left = (
            GAP + step * (side + GAP) for step, side in zip(divmod(place, columns), (height, width), strict=True)
        )
        sheet[:, top : top + height, left : left + width] = pixels
    return to_image(sheet)
