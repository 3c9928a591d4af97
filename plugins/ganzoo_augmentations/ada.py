"""Adaptive augmentation (Karras et al. 2020, arXiv:2006.06676, sec. 3 and app. B): blit, geometry and colour.

It is simpler than the paper in one respect: images are resampled bilinearly, without the paper's wavelet filters. The
sampling uses ``gather``, which can be differentiated twice; ``grid_sample`` cannot.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import Augmentation, draw_normal, draw_uniform
from ganzoo.utils.mirroring import mirrored
from ganzoo_augmentations import ADAParams

# Strengths of each transformation (app. B, table in its algorithm).
SHIFT = 0.125  # share of the size: the limit of whole-pixel shifts, the standard deviation of fractional ones
SCALE = 0.2 * math.log(2)  # standard deviation of the logarithm
BRIGHTNESS = 0.2
CONTRAST = 0.5 * math.log(2)
SATURATION = 1.0 * math.log(2)
HORIZON = 4  # steps over which the overfitting heuristic is smoothed


class ADA(Augmentation):
    """An augmentation that applies each transformation to each image with probability ``strength``.

    :meth:`adapt` controls the strength.
    """

    params: ADAParams
    sign: Tensor

    def __init__(self, image: ImageSpec, params: ADAParams) -> None:
        super().__init__(image, params)
        self.strength.fill_(params.start)
        self.register_buffer("sign", torch.tensor(params.target))

    def adapt(self, d_real: Tensor) -> None:
        """Move the strength by one step, up or down by the smoothed mean sign of the real logits (eq. 1, r_t)."""
        self.sign.lerp_(d_real.sign().mean(), 1 / HORIZON)
        step = len(d_real) / (self.params.kimg * 1000)
        self.strength.add_((self.sign - self.params.target).sign(), alpha=step).clamp_(0, 1)

    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        chance = Chance(images, self.strength, rng)
        if self.params.blit or self.params.geometry:
            matrix = identity(images)
            if self.params.blit:
                matrix = blit(chance, images.shape[-1]) @ matrix
            if self.params.geometry:
                matrix = geometry(chance, images.shape[-1]) @ matrix
            images = warp(images, matrix)
        if self.params.colour:
            images = colour(images, chance)
        return images


class Chance:
    """Random parameters ``(N,)`` of the transformations of one batch.

    A draw is random with probability ``strength``; otherwise it is the value that leaves the image unchanged.
    """

    def __init__(self, images: Tensor, strength: Tensor, rng: torch.Generator) -> None:
        self.like, self.strength, self.rng = images, strength, rng

    def uniform(self, low: float, high: float, nothing: float = 0.0, strength: Tensor | None = None) -> Tensor:
        draw = draw_uniform((len(self.like), 2), self.rng, self.like)
        return self._pick(draw[:, 0], low + (high - low) * draw[:, 1], nothing, strength)

    def normal(self, deviation: float) -> Tensor:
        draw = draw_uniform((len(self.like),), self.rng, self.like)
        return self._pick(draw, deviation * draw_normal((len(self.like),), self.rng, self.like), 0.0, None)

    def uniform_pair(self, low: float, high: float) -> tuple[Tensor, Tensor]:
        """Return two uniform numbers for each image; either both are random or neither."""
        draw = draw_uniform((len(self.like), 3), self.rng, self.like)
        first, second = (self._pick(draw[:, 0], low + (high - low) * draw[:, place], 0.0, None) for place in (1, 2))
        return first, second

    def normal_pair(self, deviation: float) -> tuple[Tensor, Tensor]:
        """Return two normal numbers for each image; either both are random or neither."""
        draw = draw_uniform((len(self.like),), self.rng, self.like)
        values = deviation * draw_normal((len(self.like), 2), self.rng, self.like)
        return self._pick(draw, values[:, 0], 0.0, None), self._pick(draw, values[:, 1], 0.0, None)

    def lognormal(self, deviation: float) -> Tensor:
        return self.normal(deviation).exp()

    def choice(self, count: int) -> Tensor:
        """Return whole numbers from 0 to count - 1; 0 leaves the image unchanged."""
        return self.uniform(0, count).floor().clamp(max=count - 1)

    def _pick(self, draw: Tensor, value: Tensor, nothing: float, strength: Tensor | None) -> Tensor:
        return torch.where(draw < (self.strength if strength is None else strength), value, nothing)


def blit(chance: Chance, size: int) -> Tensor:
    """Return matrices ``(N, 3, 3)`` of random flips, quarter turns and whole-pixel shifts."""
    flip = 1 - 2 * chance.choice(2)
    turn = rotation(chance.choice(4) * (math.pi / 2))
    shift = translation(*((share * size).round() for share in chance.uniform_pair(-SHIFT, SHIFT)))
    return shift @ turn @ scaling(flip, torch.ones_like(flip))


def geometry(chance: Chance, size: int) -> Tensor:
    """Return matrices ``(N, 3, 3)`` of random scaling, rotation, stretching, rotation and shift, in this order.

    The probability that at least one of the two rotations happens is the strength.
    """
    half = 1 - (1 - chance.strength).sqrt()
    scale = chance.lognormal(SCALE)
    before = rotation(chance.uniform(-math.pi, math.pi, strength=half))
    stretch = chance.lognormal(SCALE)
    after = rotation(chance.uniform(-math.pi, math.pi, strength=half))
    shift = translation(*(share * size for share in chance.normal_pair(SHIFT)))
    return shift @ after @ scaling(stretch, 1 / stretch) @ before @ scaling(scale, scale)


def warp(images: Tensor, matrix: Tensor) -> Tensor:
    """Transform images ``(N, C, H, W)`` by matrices ``(N, 3, 3)`` about their centres, mirrored at their borders."""
    count, channels, height, width = images.shape
    ys = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    xs = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones_like(xs).repeat(height)])
    source = inverse(matrix) @ grid  # where each pixel comes from
    x0, x1, right = _between(source[:, 0] + (width - 1) / 2, width)
    y0, y1, down = _between(source[:, 1] + (height - 1) / 2, height)
    flat = images.flatten(2)

    def at(y: Tensor, x: Tensor) -> Tensor:
        return flat.gather(2, (y * width + x)[:, None].expand(-1, channels, -1))

    right, down = right[:, None], down[:, None]
    upper, lower = at(y0, x0).lerp(at(y0, x1), right), at(y1, x0).lerp(at(y1, x1), right)
    return upper.lerp(lower, down).view(count, channels, height, width)


def colour(images: Tensor, chance: Chance) -> Tensor:
    """Randomly change the brightness, the contrast and the sign; on colour images also the hue and the saturation."""
    brightness, contrast = chance.normal(BRIGHTNESS), chance.lognormal(CONTRAST)
    sign = 1 - 2 * chance.choice(2)
    if images.shape[1] != 3:
        gain, offset = (sign * contrast)[:, None, None, None], (sign * contrast * brightness)[:, None, None, None]
        return images * gain + offset
    hue, saturation = chance.uniform(-math.pi, math.pi), chance.lognormal(SATURATION)
    # Projections on the grey axis and on the plane across it, and the latter turned by a right angle.
    axis = images.new_full((3,), 1 / math.sqrt(3))
    along = torch.outer(axis, axis)
    across = torch.eye(3, device=images.device, dtype=images.dtype) - along
    turned = torch.linalg.cross(axis.expand(3, 3), torch.eye(3, device=images.device, dtype=images.dtype)).mT
    gain, hue, saturation = (value[:, None, None] for value in (contrast, hue, saturation))
    matrix = gain * (sign[:, None, None] * along + saturation * (hue.cos() * across + hue.sin() * turned))
    moved = images.flatten(2) + brightness[:, None, None]
    return (matrix @ moved).view_as(images)


def identity(like: Tensor) -> Tensor:
    """Return identity matrices ``(N, 3, 3)``."""
    return torch.eye(3, device=like.device, dtype=like.dtype).expand(len(like), 3, 3)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Return the matrices ``(N, 3, 3)`` of scaling factors ``(N,)``."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def rotation(angle: Tensor) -> Tensor:
    """Return the matrices ``(N, 3, 3)`` of rotations by ``(N,)`` radians."""
    zero, one, cos, sin = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Return the matrices ``(N, 3, 3)`` of shifts by ``(N,)`` pixels."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([one, zero, x, zero, one, y, zero, zero, one], 1).view(-1, 3, 3)


def inverse(matrix: Tensor) -> Tensor:
    """Return the inverses of matrices ``(N, 3, 3)`` with a last row of 0 0 1.

    The inverse is in closed form: a solver would wait for the device to check for errors.
    """
    a, b, x = matrix[:, 0].unbind(1)
    c, d, y = matrix[:, 1].unbind(1)
    determinant = a * d - b * c
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    rows = [d, -b, b * y - d * x, -c, a, c * x - a * y]
    return torch.stack([*(row / determinant for row in rows), zero, zero, one], 1).view(-1, 3, 3)


def _between(place: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return both pixels next to each position, mirrored into 0 ... size - 1, and its distance from the first one."""
    low = place.floor()
    first, second = (mirrored(neighbour.long(), size) for neighbour in (low, low + 1))
    return first, second, place - low
