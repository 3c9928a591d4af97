"""Random draws from an explicit ``torch.Generator``: numbers for plugins, images from a generator."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ganzoo.distributed.random import share
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError

CHUNK = 100  # images drawn at once; with another number a seed gives other images


def draw_normal(shape: tuple[int, ...], rng: torch.Generator | None, like: Tensor, dim: int = 0) -> Tensor:
    """Draw standard normal numbers on the device of ``rng`` and return them on ``like``'s device in its dtype.

    Scoring draws on the CPU, so that a score does not depend on the device.

    shape: the shape of this rank's numbers; ``()`` for a single number, the same on every rank.
    rng: the random generator that the network or rule received. None returns zeros, the mean, so that a network can run
        without noise.
    like: a tensor with the wanted device and dtype.
    dim: the axis of the samples; each of several ranks gets the numbers of its own samples.
    """
    if rng is None:
        return torch.zeros(shape, device=like.device, dtype=like.dtype)
    return _draw(torch.randn, shape, rng, like, dim)


def draw_uniform(shape: tuple[int, ...], rng: torch.Generator, like: Tensor, dim: int = 0) -> Tensor:
    """Draw uniform numbers in [0, 1) with the arguments of :func:`draw_normal`; ``rng`` must not be None."""
    return _draw(torch.rand, shape, rng, like, dim)


def _draw(kind: Callable[..., Tensor], shape: tuple[int, ...], rng: torch.Generator, like: Tensor, dim: int) -> Tensor:
    def draw(samples: int) -> Tensor:
        return kind((*shape[:dim], samples, *shape[dim + 1 :]), generator=rng, device=rng.device)

    # A single number belongs to no sample: every rank draws the same one.
    drawn = share(draw, shape[dim], rng, dim) if shape else kind((), generator=rng, device=rng.device)
    return drawn.to(device=like.device, dtype=like.dtype)


class DrawsImages(Protocol):
    """The part of a :class:`ganzoo.interfaces.Generator` that drawing images needs."""

    has_truncation: bool
    image: ImageSpec
    training: bool

    @property
    def conditional(self) -> bool | Literal["required"]: ...
    def parameters(self) -> Iterator[Any]: ...
    def sample_latents(self, count: int, rng: torch.Generator, device: torch.device | str = "cpu") -> Tensor: ...
    def __call__(
        self, latents: Tensor, labels: Tensor | None, *, rng: torch.Generator, truncation: float
    ) -> Tensor: ...


def takes_labels(generator: DrawsImages) -> bool:
    """Return whether the generator uses labels: it is conditional, and its images have classes."""
    return bool(generator.conditional and generator.image.classes)


@torch.no_grad()
def draw_images(
    generator: DrawsImages, count: int, seed: int, labels: Tensor | int | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield ``count`` images as float chunks ``(n, C, H, W)`` in [-1, 1] on the generator's device.

    Latents, classes and noise are drawn on the CPU in chunks of fixed size, so image k depends on the seed alone and
    not on the device. labels: classes ``(count,)``, one class for all, or None for random classes. Raises GanzooError
    if ``count`` is below 1, the seed is invalid, or the generator is in training mode or does not support the labels or
    the truncation.
    """
    check_drawing(generator, count, labels, truncation)
    device = next(generator.parameters()).device
    rng = seeded(seed)
    for start in range(0, count, CHUNK):
        latents, drawn = draw_inputs(generator, rng, device)
        if drawn is not None:
            if labels is not None:
                wanted = torch.as_tensor(labels).expand(count)[start : start + CHUNK]
                drawn[: len(wanted)] = wanted
            drawn = drawn.to(device)
        images = generator(latents, drawn, rng=rng, truncation=truncation)
        yield images[: count - start]


@torch.no_grad()
def draw_seeds(
    generator: DrawsImages, seeds: Sequence[int], labels: Tensor | int | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield the image ``(1, C, H, W)`` of each seed, float in [-1, 1] on the generator's device.

    Each image is drawn by itself, so it depends on its own seed alone. labels: classes ``(len(seeds),)``, one class for
    all, or None for the class that each seed draws. Raises GanzooError as :func:`draw_images` does.
    """
    check_drawing(generator, len(seeds), labels, truncation)
    wanted = None if labels is None else torch.as_tensor(labels).expand(len(seeds))
    for place, seed in enumerate(seeds):
        latents, drawn, rng = draw_seed(generator, seed)
        label = drawn if drawn is None or wanted is None else wanted[place : place + 1].to(drawn)
        yield generator(latents, label, rng=rng, truncation=truncation)


def draw_seed(generator: DrawsImages, seed: int) -> tuple[Tensor, Tensor | None, torch.Generator]:
    """Draw the latents ``(1, Z)`` and the class ``(1,)`` of one image; return them and the generator of its noise.

    Latents and class are on the generator's device; the class is None without classes. They are those of the first
    image that :func:`draw_images` draws from the seed.
    """
    device = next(generator.parameters()).device
    rng = seeded(seed)
    latents, labels = draw_inputs(generator, rng, device)
    return latents[:1], None if labels is None else labels[:1].to(device), rng


def seeded(seed: int = 0) -> torch.Generator:
    """Return a random generator on the CPU with this seed. Raises GanzooError for a seed that is not one of torch."""
    try:
        return torch.Generator("cpu").manual_seed(operator.index(seed))
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"the seed is {seed!r}, must be a whole number from -2**63 to 2**64 - 1") from error


def draw_inputs(
    generator: DrawsImages, rng: torch.Generator, device: torch.device | str
) -> tuple[Tensor, Tensor | None]:
    """Draw a chunk's latents on the device and its classes ``(CHUNK,)`` on the CPU; None without classes."""
    latents = generator.sample_latents(CHUNK, rng, device)
    classes = generator.image.classes
    return latents, torch.randint(classes, (CHUNK,), generator=rng) if classes else None


def check_drawing(generator: DrawsImages, count: int, labels: Tensor | int | None, truncation: float) -> None:
    """Raise GanzooError if the generator is in training mode, the count is below 1, or the generator does not support
    the labels or the truncation."""
    if generator.training:  # batch norm would read other images of the batch, and change its running statistics
        raise GanzooError("the generator is in training mode; call its eval() first")
    if count < 1:
        raise GanzooError(f"the number of images is {count}, must be 1 or more")
    if labels is not None:
        _check_labels(generator, count, labels)
    if not 0 <= truncation <= 1:
        raise GanzooError(f"the truncation is {truncation}, must be from 0 to 1")
    if truncation != 1 and not generator.has_truncation:
        raise GanzooError("this generator has no truncation; leave the truncation out")


def _check_labels(generator: DrawsImages, count: int, given: Tensor | int) -> None:
    if not takes_labels(generator):
        raise GanzooError("this generator is not class-conditional; leave the class out")
    try:
        labels = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"the class is {given!r}, must be a whole number") from error
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise GanzooError(f"the labels are {labels.dtype}, must be whole numbers")
    if labels.ndim > 1 or (labels.ndim == 1 and len(labels) != count):
        raise GanzooError(f"labels have the shape {tuple(labels.shape)}, must be one class or ({count},)")
    wrong = labels[(labels < 0) | (labels >= generator.image.classes)]
    if len(wrong.flatten()):
        raise GanzooError(f"the class is {wrong.flatten()[0]}, must be 0 to {generator.image.classes - 1}")
