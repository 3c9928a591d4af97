"""Differentiable augmentation (Zhao et al. 2020, app. A), linear in the pictures, so differentiable at any order."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Augmentation, draw_uniform
from ganzoo_augmentations import DiffAugParams

BRIGHTNESS = 0.5  # at most so much is added
SHIFT = 0.125  # of the size, at most
HOLE = 0.5  # of the size


class DiffAug(Augmentation):
    """Brightness, saturation, contrast; a shift with zeros moving in; a square hole of zeros."""

    params: DiffAugParams

    def forward(self, pictures: Tensor, rng: torch.Generator) -> Tensor:
        operations = self.params.operations
        if "colour" in operations:
            pictures = colour(pictures, *_draw(pictures, 3, rng).unbind(1))
        if "translation" in operations:
            pictures = translate(pictures, *_draw(pictures, 2, rng).unbind(1))
        if "cutout" in operations:
            pictures = cut_out(pictures, *_draw(pictures, 2, rng).unbind(1))
        return pictures


def colour(pictures: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Pictures ``(N, C, H, W)`` and three draws ``(N,)`` in [0, 1); 0.5 each leaves them as they are."""
    brightness, saturation, contrast = (draw[:, None, None, None] for draw in (brightness, saturation, contrast))
    pictures = pictures + (2 * brightness - 1) * BRIGHTNESS
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * 2 * saturation
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return mean + (pictures - mean) * (contrast + 0.5)


def translate(pictures: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels, an eighth of the size at most, as two draws ``(N,)`` in [0, 1) say."""
    for dim, draw in ((2, down), (3, right)):
        size = pictures.shape[dim]
        most = round(size * SHIFT)
        shift = (draw * (2 * most + 1)).long() - most
        source = torch.arange(size, device=pictures.device) - shift[:, None]
        inside = (source >= 0) & (source < size)
        shape = (len(pictures), 1, size, 1) if dim == 2 else (len(pictures), 1, 1, size)
        index = source.clamp(0, size - 1).view(shape).expand_as(pictures)
        pictures = pictures.gather(dim, index) * inside.view(shape)
    return pictures


def cut_out(pictures: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Zeros in a square of half the size, its centre anywhere, as two draws ``(N,)`` in [0, 1) say."""
    keep = []
    for dim, draw in ((2, down), (3, right)):
        size = pictures.shape[dim]
        hole = round(size * HOLE)
        first = (draw * (size + 1 - hole % 2)).long() - hole // 2
        place = torch.arange(size, device=pictures.device)
        keep.append((place < first[:, None]) | (place >= first[:, None] + hole))
    return pictures * (keep[0][:, None, :, None] | keep[1][:, None, None, :])


def _draw(pictures: Tensor, count: int, rng: torch.Generator) -> Tensor:
    return draw_uniform((len(pictures), count), rng, pictures)
