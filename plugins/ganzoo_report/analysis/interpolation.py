"""Images of a generator for latents between two drawn ones, and for latents nearer to the mean."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Generator
from ganzoo.models.sampling import first_draw, to_uint8
from ganzoo.utils.image_grid import GRID
from ganzoo.utils.spherical import slerp


@torch.no_grad()
def between(generator: Generator, seed: int) -> Tensor:
    """Return a walk from each of the first ``GRID`` latents to the next, uint8 ``(GRID**2, C, H, W)``.

    A row of ``GRID`` frames begins at its latents and ends one step before those of the next row; the last row leads
    back to the first. A row keeps the class of its first image, and the noise is at its mean, so only the latents
    change.
    """
    device = next(generator.parameters()).device
    latents, labels = first_draw(generator, GRID, seed)
    shares = torch.arange(GRID) / GRID
    walk = torch.cat([slerp(one, two, shares) for one, two in zip(latents, latents.roll(-1, 0), strict=True)])
    return _made(generator, walk.to(device), labels)


@torch.no_grad()
def truncated(generator: Generator, seed: int) -> Tensor:
    """Return the images of the first ``GRID`` latents at rising truncation, uint8 ``(GRID**2, C, H, W)``.

    Each latent has a row, in even steps from truncation 0 (the mean) to 1 (as drawn). Raises ValueError if the
    generator has no truncation.
    """
    if not generator.has_truncation:
        raise ValueError("this generator has no truncation")
    device = next(generator.parameters()).device
    latents, labels = first_draw(generator, GRID, seed)
    steps = [level / (GRID - 1) for level in range(GRID)]
    labels = None if labels is None else labels.to(device)
    columns = [to_uint8(generator(latents.to(device), labels, truncation=step)).cpu() for step in steps]
    return torch.stack(columns, 1).flatten(0, 1)


def _made(generator: Generator, latents: Tensor, labels: Tensor | None) -> Tensor:
    if labels is not None:
        labels = labels.repeat_interleave(GRID).to(latents.device)
    return to_uint8(generator(latents, labels)).cpu()


__all__ = ["between", "truncated"]
