"""The smallest parts that can be trained: the kit combines them with the part that it checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.data.dataset import Images
from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import (
    Augmentation,
    BadImage,
    DataSource,
    Discriminator,
    DiscriminatorOutputs,
    Generator,
    Loss,
    Penalty,
    PenaltyInputs,
    SourceImage,
)

LATENTS, WIDTH, FEATURES = 4, 16, 8
CLASSES = "classes"  # the name of the class head in Needs.outputs
LABELS_MISSING = "this network requires labels and was given None"


class StandInGenerator(Generator):
    """A generator of tanh pixels from latents ``(N, 4)``, with one hidden layer."""

    latent_dim = LATENTS

    def __init__(self, image: ImageSpec, params: Any) -> None:
        super().__init__()
        self.image = image
        pixels = image.channels * image.size**2
        self.body = nn.Sequential(nn.Linear(LATENTS, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, pixels), nn.Tanh())

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        return self.body(latents).view(-1, self.image.channels, self.image.size, self.image.size)


class StandInDiscriminator(Discriminator):
    """A discriminator with one hidden layer and one logit, which judges each image independently.

    The heads in ``needs.outputs`` are linear maps of the hidden layer: class logits, and ``(N, 8)`` for any other name.
    Raises ValueError if the needs include a class head and the images have no classes.
    """

    def __init__(self, image: ImageSpec, params: Any, needs: Needs) -> None:
        super().__init__()
        self.image = image
        pixels = image.channels * image.size**2
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1))
        if CLASSES in needs.outputs and not image.classes:
            raise ValueError("a class head needs images with classes")
        self.names = tuple(needs.outputs)
        self.heads = nn.ModuleList(
            nn.Linear(WIDTH, image.classes if name == CLASSES else FEATURES) for name in self.names
        )

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.body(images).squeeze(1)

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        logits, hidden = self(images, labels, rng=rng), self.body[:-1](images)
        said = {name: head(hidden) for name, head in zip(self.names, self.heads, strict=True)}
        return DiscriminatorOutputs(logits, said.pop(CLASSES, None), said)


class ConditionalGenerator(StandInGenerator):
    """A stand-in generator that requires labels: an embedding of the class is added to the latents."""

    conditional = "required"

    def __init__(self, image: ImageSpec, params: Any) -> None:
        super().__init__(image, params)
        self.classes = nn.Embedding(_classes(image), LATENTS)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        return super().forward(latents + self.classes(_labels(labels)), rng=rng, truncation=truncation)


class ConditionalDiscriminator(StandInDiscriminator):
    """A stand-in discriminator that requires labels and adds a class projection to the logit (Miyato & Koyama 2018)."""

    conditional = "required"

    def __init__(self, image: ImageSpec, params: Any, needs: Needs) -> None:
        super().__init__(image, params, needs)
        self.classes = nn.Embedding(_classes(image), WIDTH)

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        projected = (self.body[:-1](images) * self.classes(_labels(labels))).sum(1)
        return super().forward(images, rng=rng) + projected


class PatchDiscriminator(StandInDiscriminator):
    """A stand-in discriminator with a logit for each patch of an image, ``(N, 4, 4)``."""

    def __init__(self, image: ImageSpec, params: Any, needs: Needs) -> None:
        super().__init__(image, params, needs)
        self.patches = nn.Linear(WIDTH, 16)

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.patches(self.body[:-1](images)).view(-1, 4, 4)


def _classes(image: ImageSpec) -> int:
    if not image.classes:
        raise ValueError("it requires images with classes")
    return image.classes


def _labels(labels: Tensor | None) -> Tensor:
    if labels is None:
        raise ValueError(LABELS_MISSING)
    return labels


class StandInLoss(Loss):
    """The logistic loss with the non-saturating generator side (Goodfellow et al. 2014)."""

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return softplus(-d_real).mean() + softplus(d_fake).mean()

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        return softplus(-d_fake).mean()


class StandInPenalty(Penalty):
    """The sum of squares of the weights of the network that is trained, the same for each sample."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        network = inputs.discriminator if inputs.step_of == "discriminator" else inputs.generator
        squares = torch.stack([weight.float().square().sum() for weight in network.parameters()])
        return squares.sum().expand(len(inputs.real))


class StandInAugmentation(Augmentation):
    """An augmentation that makes all images blank."""

    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images * 0


class StandInSource(DataSource):
    """A data set of 64 grey 8x8 images of discs; the test split has different discs."""

    def content_key(self) -> str:
        return "stand-in-discs" if self.split == "train" else "stand-in-discs-test"

    def __len__(self) -> int:
        return 64

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        for number, pixels in enumerate(discs(ImageSpec(1, 8), len(self), seed=int(self.split == "test"))):
            yield SourceImage(f"disc {number}", pixels.transpose(1, 2, 0))


def discs(image: ImageSpec, count: int, seed: int = 0) -> np.ndarray:
    """Draw bright discs on a dark ground, uint8 ``(count, C, size, size)``, the same each time."""
    rng = np.random.default_rng(seed)
    grid = np.arange(image.size)
    down, right, radius = (rng.uniform(low, high, (count, 1, 1)) for low, high in ((0.3, 0.7), (0.3, 0.7), (0.1, 0.3)))
    squared = (grid[:, None] / image.size - down) ** 2 + (grid[None, :] / image.size - right) ** 2
    grey = np.where(squared < radius**2, 230, 20).astype(np.uint8)
    return np.repeat(grey[:, None], image.channels, axis=1)


def disc_images(image: ImageSpec, count: int = 64) -> Images:
    """Return discs as training sees them, with labels if the spec has classes."""
    labels = np.arange(count, dtype=np.int64) % image.classes if image.classes else None
    return Images(discs(image, count), labels, image, "discs", "train", "0" * 64)
