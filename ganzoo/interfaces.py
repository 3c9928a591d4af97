"""The abstract parts of a GAN. Everything that trains here is one of these.

Conventions: images are float tensors ``(N, C, H, W)`` in [-1, 1]; labels are int64 ``(N,)`` or None; logits are
``(N,)``, higher meaning more real. Randomness comes from an explicit ``torch.Generator``; nothing here touches the
global random state. Arguments that are marked as optional are passed only to a method that names them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.distributed.collectives import of_whole_batch, whole_batch
from ganzoo.drawing import draw_images, draw_normal, draw_uniform
from ganzoo.entries import ImageSpec, Needs

Side = Literal["discriminator", "generator"]


class Generator(nn.Module, ABC):
    """Latents to images.

    Constructed as ``cls(image, params)`` with an :class:`ImageSpec` and the entry's parameter dataclass.
    ``conditional``: uses the labels; "required": cannot do without them, so a data set without labels is refused.
    ``has_truncation``: understands ``truncation`` below 1.
    """

    conditional: bool | Literal["required"] = False
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


@dataclass(frozen=True)
class DiscriminatorOutputs:
    """All that a discriminator says about a batch, float32 in training.

    logits: ``(N,)``, higher meaning more real; ``(N, ...)``, one for each patch, if the loss allows patches.
    classes: logits of the classes ``(N, K)`` from a class head (Odena et al. 2017), or None.
    features: further tensors ``(N, ...)`` by name, such as "embedding" or the activations of a layer.
    """

    logits: Tensor
    classes: Tensor | None = None
    features: Mapping[str, Tensor] = field(default_factory=dict)

    def lacks(self, names: Sequence[str]) -> list[str]:
        """Return those of the names ("classes" or a feature's) that these outputs do not have."""
        there = {*self.features, *(["classes"] if self.classes is not None else [])}
        return [name for name in names if name not in there]

    def map(self, change: Callable[[Tensor], Tensor]) -> DiscriminatorOutputs:
        """Apply a function to each tensor."""
        classes = None if self.classes is None else change(self.classes)
        features = {name: change(value) for name, value in self.features.items()}
        return DiscriminatorOutputs(change(self.logits), classes, features)

    def halves(self) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
        """Split what was said about a batch of two halves, each tensor at once."""
        logits = self.logits.chunk(2)
        classes = [None, None] if self.classes is None else list(self.classes.chunk(2))
        features = {name: value.chunk(2) for name, value in self.features.items()}
        first, second = (
            DiscriminatorOutputs(logits[k], classes[k], {name: pair[k] for name, pair in features.items()})
            for k in (0, 1)
        )
        return first, second


class Discriminator(nn.Module, ABC):
    """Images to logits.

    Constructed as ``cls(image, params, needs)``; raises ValueError if it cannot meet ``needs``.
    ``conditional``: uses the labels; "required": cannot do without them.
    ``mixes_samples``: a logit depends on the other images of the batch (batch norm, minibatch standard
    deviation); real and fake images are then given in separate calls.
    """

    conditional: bool | Literal["required"] = False
    mixes_samples: bool = False
    image: ImageSpec

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` in [-1, 1] and labels ``(N,)`` to logits ``(N,)``, higher meaning more real."""

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        """Return the logits of :meth:`forward` and what further heads say.

        A discriminator with heads overrides it. It is called instead of ``forward`` if the loss or a penalty needs
        outputs (``Needs.outputs``); the discriminator reads the same ``needs`` when it is constructed and may leave
        out heads that nobody reads.
        """
        return DiscriminatorOutputs(self(images, labels, rng=rng))


class Rule(nn.Module):
    """What losses and penalties share: parameters, and state in buffers.

    State that changes from step to step, such as a moving average, must be a buffer (``self.register_buffer``) that is
    changed in place. Buffers are moved to the device, saved in checkpoints, and start equal on all ranks; a change must
    be the same on every rank, so compute it from :func:`whole_batch`. A rule has no trainable parameters: those belong
    to a network.
    """

    params: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        nn.Module.__init__(made)  # since a subclass may leave out super().__init__
        return made

    def __init__(self, params: Any) -> None:
        self.params = params


class Loss(Rule, ABC):
    """Two sides of a game, each a scalar to be minimised. Constructed as ``cls(params)``.

    Optional arguments of both sides, passed if the method names them:
    ``real_outputs``, ``fake_outputs``: the :class:`DiscriminatorOutputs` that ``d_real`` and ``d_fake`` come from.
    ``labels``: ``(N,)`` of the real images, which the fakes share, or None. ``latents``: ``(N, Z)`` of the fakes.
    ``progress``: a 0-dim tensor, the share of the run from 0 to 1; a captured step reads it anew each time.
    """

    @abstractmethod
    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        """Scalar loss of the discriminator from logits ``(N,)`` of real and of fake images, float32."""

    @abstractmethod
    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        """Scalar loss of the generator. ``d_real`` is None unless the entry says ``generator_needs_real``."""

    def constrain(self, discriminator: Discriminator) -> None:
        """Called without gradients after each step of the discriminator: where a loss bounds its weights."""


@dataclass(frozen=True)
class PenaltyInputs:
    """What a penalty reads in one step of one network.

    generator, discriminator: both networks; only the one that takes the step has trainable weights. With an
        augmentation the discriminator augments what it is shown whenever it is given ``rng``.
    real, fake: images ``(N, C, H, W)`` in [-1, 1], detached. latents: ``(N, Z)`` of the fakes.
    labels: ``(N,)`` of the real images, which the fakes share, or None. rng: draw from it alone.
    real_outputs, fake_outputs: what the discriminator said in this step, with its gradients: reading them takes no
        further pass. ``real_outputs`` is None in the generator's step unless the loss reads real images there.
    progress: a 0-dim tensor, the share of the run from 0 to 1.
    step_of: the network whose step it is; a penalty of "both" networks asks.
    """

    generator: Generator
    discriminator: Discriminator
    real: Tensor
    fake: Tensor
    latents: Tensor
    labels: Tensor | None = None
    rng: torch.Generator | None = None
    real_outputs: DiscriminatorOutputs | None = None
    fake_outputs: DiscriminatorOutputs | None = None
    progress: Tensor | None = None
    step_of: Side = "discriminator"


class Penalty(Rule, ABC):
    """A regulariser with its own axis in a recipe. Constructed as ``cls(params)``."""

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
    "DiscriminatorOutputs",
    "Generator",
    "ImageSpec",
    "Loss",
    "Metric",
    "Needs",
    "Penalty",
    "PenaltyInputs",
    "Side",
    "SourceImage",
    "StreamedSource",
    "draw_normal",
    "draw_uniform",
    "of_whole_batch",
    "whole_batch",
]
