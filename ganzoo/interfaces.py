"""The abstract parts of a GAN. Everything that trains here is one of these.

Conventions: images are float tensors ``(N, C, H, W)`` in [-1, 1]; labels are int64 ``(N,)`` or None;
logits are ``(N,)``, higher meaning more real. Randomness comes from an explicit ``torch.Generator``;
nothing here touches the global random state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.distributed.collectives import of_whole_batch, whole_batch
from ganzoo.drawing import draw_images, draw_normal, draw_uniform
from ganzoo.entries import ImageSpec, Needs


class Generator(nn.Module, ABC):
    """Latents to images.

    Constructed as ``cls(image, params)`` with an :class:`ImageSpec` and the entry's parameter dataclass.
    ``conditional``: uses the labels. ``has_truncation``: understands ``truncation`` below 1.
    """

    conditional: bool = False
    has_truncation: bool = False
    latent_dim: int
    image: ImageSpec

    @abstractmethod
    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """Latents ``(N, Z)``, standard normal, and labels ``(N,)`` to images ``(N, C, H, W)`` in [-1, 1].

        ``rng`` draws noise and style mixing; None means no noise. ``truncation`` in [0, 1] pulls samples
        towards the mean; networks that lack it get only 1.0. Those that have it also take a scalar tensor, and
        then do not branch on its value: that is how ``ganzoo export`` makes it an input.
        """

    def sample_latents(self, count: int, rng: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """Latents ``(count, Z)`` from the prior, drawn on the generator's device, returned on ``device``."""
        return torch.randn(count, self.latent_dim, generator=rng, device=rng.device).to(device)

    def sample(
        self, count: int, *, seed: int = 0, labels: Tensor | int | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw images ``(count, C, H, W)`` in [-1, 1], float32 on the CPU; image k depends on the seed alone.

        labels: classes ``(count,)``, one class for all, or None for random ones. Call it in evaluation mode. Raises
        GanzooError for labels or a truncation that the generator does not know.
        """
        return torch.cat([chunk.float().cpu() for chunk in draw_images(self, count, seed, labels, truncation)])


class Discriminator(nn.Module, ABC):
    """Images to logits.

    Constructed as ``cls(image, params, needs)``; where it cannot meet ``needs`` it raises ValueError.
    ``mixes_samples``: a logit depends on the other images of the batch (batch norm, minibatch standard
    deviation); real and fake images are then given in separate calls.
    """

    conditional: bool = False
    mixes_samples: bool = False
    image: ImageSpec

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` in [-1, 1] and labels ``(N,)`` to logits ``(N,)``, higher meaning more real."""


class Loss(ABC):
    """Two sides of a game, each a scalar to be minimised. Constructed as ``cls(params)``."""

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        """Scalar loss of the discriminator from logits ``(N,)`` of real and of fake images, float32."""

    @abstractmethod
    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        """Scalar loss of the generator. ``d_real`` is None unless the entry says ``generator_needs_real``."""

    def constrain(self, discriminator: Discriminator) -> None:  # noqa: B027  most losses leave the weights alone
        """Called without gradients after each step of the discriminator: where a loss bounds its weights."""


@dataclass(frozen=True)
class PenaltyInputs:
    """What a penalty sees: both networks (eager, trainable as they stand), detached images, and latents."""

    generator: Generator
    discriminator: Discriminator
    real: Tensor
    fake: Tensor
    latents: Tensor
    labels: Tensor | None = None
    rng: torch.Generator | None = None


class Penalty(ABC):
    """A regulariser with its own axis in a recipe. Constructed as ``cls(params)``."""

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        """The unweighted penalty of each sample, ``(N,)``, float32, differentiable."""


class Augmentation(nn.Module, ABC):
    """What the discriminator sees instead of the images, real and generated. Constructed as ``cls(image, params)``.

    ``strength`` is a scalar buffer in [0, 1], logged and kept in checkpoints with all other buffers.
    """

    strength: Tensor

    def __init__(self, image: ImageSpec, params: Any) -> None:
        super().__init__()
        self.image, self.params = image, params
        self.register_buffer("strength", torch.ones(()))

    @abstractmethod
    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Images ``(N, C, H, W)``, float32, to images of the same shape, each changed by draws of its own.

        Differentiable twice with respect to the images, so that gradient penalties work through it.
        """

    def adapt(self, d_real: Tensor) -> None:
        """Called without gradients after each step of the discriminator, with its logits ``(N,)`` of real images."""


@dataclass(frozen=True)
class SourceImage:
    """One image as a source delivers it: a name for messages, uint8 ``(H, W, C)``, and a label or None."""

    name: str
    pixels: np.ndarray
    label: int | None = None


class DataSource(ABC):
    """Images before resizing. Constructed as ``cls(location, root, split)``.

    location: what stands behind ``name:`` (None for a named set). root: where data sets are kept.
    split: "train" or "test". params: given as a fourth argument if the entry has ``params``. labels: the value of
    ``data.labels``, given by name if the entry has ``label_sources``.
    """

    def __init__(
        self, location: str | None, root: Path, split: str, params: Any = None, *, labels: str = "auto"
    ) -> None:
        self.location, self.root, self.split = location, root, split
        self.params, self.label_setting = params, labels

    @abstractmethod
    def content_key(self) -> str:
        """Hash the content of images and labels: same key, same set. Raise GanzooError if there are no images.

        ``params`` need not be in it.
        """

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are, unreadable ones included."""

    @abstractmethod
    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        """The images in a fixed order; an unreadable one as :class:`BadImage`, never an exception."""

    def peek(self) -> ImageSpec:
        """The spec of the set, from its first readable image; size 0 where it is not square."""
        raise NotImplementedError

    def class_names(self) -> Sequence[str]:
        """Return the names of the classes that the data knows, in the order of the labels; () for none."""
        return ()

    def left_out(self) -> Mapping[str, int]:
        """Count the images that are there but not used, by a reason that completes "5 ... skipped"."""
        return {}

    def remarks(self) -> Sequence[str]:
        """Say what else a user should know before training, such as labels that are not read; one clause each."""
        return ()


class StreamedSource(DataSource):
    """A set that is too large to be kept decoded: its images lie in files that can be read in parts at any time.

    It is looked through once; then its images are read as they are shown, in threads.
    """

    @abstractmethod
    def located(self) -> Iterator[tuple[tuple[int, int, int], SourceImage | BadImage]]:
        """What iterating gives, each with the number of its file and where its bytes begin and end there.

        In the order in which they lie.
        """

    @abstractmethod
    def read(self, file: int, start: int, stop: int) -> bytes:
        """A part of a file. Raises GanzooError where it cannot be read; called from threads."""

    @abstractmethod
    def file_name(self, file: int) -> str:
        """For messages."""

    def close(self) -> None:
        """Nothing will be read any more: give up within seconds what is being read."""

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return (item for _, item in self.located())


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read: its name and why."""

    name: str
    reason: str


class Metric(ABC):
    """A score of generated against real images. Stateless; constructed as ``cls()``."""

    @abstractmethod
    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        """Named values from :class:`ganzoo.metrics.features.Features` of both sides."""


__all__ = [
    "Augmentation",
    "BadImage",
    "DataSource",
    "Discriminator",
    "Generator",
    "ImageSpec",
    "Loss",
    "Metric",
    "Needs",
    "Penalty",
    "PenaltyInputs",
    "SourceImage",
    "StreamedSource",
    "draw_normal",
    "draw_uniform",
    "of_whole_batch",
    "whole_batch",
]
