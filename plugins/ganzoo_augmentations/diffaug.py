"""Differentiable augmentation (Zhao et al. 2020, app. A), linear in the images, so differentiable at any order."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Augmentation, draw_uniform
from ganzoo_augmentations import DiffAugParams

BRIGHTNESS = 0.5  # added or subtracted at most
SHIFT = 0.125  # share of the size, at most
HOLE = 0.5  # share of the size


class DiffAug(Augmentation):
    """Random brightness, saturation and contrast; a shift that fills up with zeros; a square hole of zeros."""

    params: DiffAugParams

    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        operations = self.params.operations
        if "colour" in operations:
            images = colour(images, *_draw(images, 3, rng).unbind(1))
        if "translation" in operations:
            images = translate(images, *_draw(images, 2, rng).unbind(1))
        if "cutout" in operations:
            images = cut_out(images, *_draw(images, 2, rng).unbind(1))
        return images


def colour(images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Change the colours of images ``(N, C, H, W)`` by three draws ``(N,)`` in [0, 1); draws of 0.5 change nothing."""
    brightness, saturation, contrast = (draw[:, None, None, None] for draw in (brightness, saturation, contrast))
    images = images + (2 * brightness - 1) * BRIGHTNESS
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * 2 * saturation
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (contrast + 0.5)


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift images by whole pixels, at most an eighth of the size, by two draws ``(N,)`` in [0, 1)."""
    for dim, draw in ((2, down), (3, right)):
        size = images.shape[dim]
        most = round(size * SHIFT)
        shift = (draw * (2 * most + 1)).long() - most
        source = torch.arange(size, device=images.device) - shift[:, None]
        inside = (source >= 0) & (source < size)
        shape = (len(images), 1, size, 1) if dim == 2 else (len(images), 1, 1, size)
        index = source.clamp(0, size - 1).view(shape).expand_as(images)
        images = images.gather(dim, index) * inside.view(shape)
    return images


def cut_out(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Set a square of half the size to zero; two draws ``(N,)`` in [0, 1) place its centre anywhere in the image."""
    keep = []
    for dim, draw in ((2, down), (3, right)):
        size = images.shape[dim]
        hole = round(size * HOLE)
        first = (draw * (size + 1 - hole % 2)).long() - hole // 2
        place = torch.arange(size, device=images.device)
        keep.append((place < first[:, None]) | (place >= first[:, None] + hole))
    return images * (keep[0][:, None, :, None] | keep[1][:, None, None, :])


def _draw(images: Tensor, count: int, rng: torch.Generator) -> Tensor:
    return draw_uniform((len(images), count), rng, images)
