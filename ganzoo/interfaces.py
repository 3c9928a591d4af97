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
    """Latents to images. Constructed as ``cls(image, params)`` on the CPU, before the discriminator.

    image: what to make. params: an instance of the entry's ``generator_params``.

    Its attributes, of which ``__init__`` must set ``latent_dim`` and ``image``:

    conditional: uses the labels; "required": cannot do without them, so a data set without labels is refused.
    has_truncation: understands ``truncation`` below 1.
    latent_dim: Z, how many numbers a latent has.
    image: the images that it makes: channels, size, classes.
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
        """Map latents and labels to images ``(N, C, H, W)`` in [-1, 1], on the device of the latents.

        Called in training mode for each batch of fakes, under autocast if the run is in bf16; and in evaluation mode,
        without gradients, for snapshots, scores, samples and exports.

        latents: ``(N, Z)``, float32, from :meth:`sample_latents`.
        labels: int64 ``(N,)`` from 0 to ``image.classes - 1``, or None; see ``conditional``.
        rng: draws noise and style mixing, through :func:`draw_normal` and :func:`draw_uniform`; None means no noise.
        truncation: in [0, 1], pulls samples towards the mean; networks that lack it get only 1.0. Those that have it
            also take a scalar tensor, and then do not branch on its value: that is how ``ganzoo export`` makes it an
            input.
        """

    def sample_latents(self, count: int, rng: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """Draw latents ``(count, Z)`` from the prior on the device of ``rng``; return them on ``device``.

        Called before each :meth:`forward`. Override it for another prior than the standard normal one.
        """
        return torch.randn(count, self.latent_dim, generator=rng, device=rng.device).to(device)

    def sample(
        self, count: int, *, seed: int = 0, labels: Tensor | int | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw images ``(count, C, H, W)`` in [-1, 1], float32 on the CPU; image k depends on the seed alone.

        Call it in evaluation mode. labels: classes ``(count,)``, one class for all, or None for random ones.
        Raises GanzooError for labels or a truncation that the generator does not know.
        """
        return torch.cat([chunk.float().cpu() for chunk in draw_images(self, count, seed, labels, truncation)])


@dataclass(frozen=True)
class DiscriminatorOutputs:
    """All that a discriminator gives for a batch. Losses and penalties get it in float32, with its gradients.

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
    """Images to logits. Constructed as ``cls(image, params, needs)`` on the CPU.

    image: what to judge. params: an instance of the entry's ``discriminator_params``.
    needs: what loss, penalties and step need of it together, a :class:`Needs`; raise ValueError if it cannot meet them.

    Its weights require gradients in its own step alone; it is in training mode in both steps. Its attributes, of which
    ``__init__`` must set ``image``:

    conditional: uses the labels; "required": cannot do without them, so a data set without labels is refused.
    mixes_samples: a logit depends on the other images of the batch (batch norm, minibatch standard deviation); real
        and fake images are then given in separate calls.
    image: the images that it judges: channels, size, classes.
    """

    conditional: bool | Literal["required"] = False
    mixes_samples: bool = False
    image: ImageSpec

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Map images to logits ``(N,)``, higher meaning more real; ``(N, ...)``, one for each patch, if the loss and
        all penalties of the recipe allow it.

        Called in each step of either network unless something needs :meth:`outputs`, then that is called instead; by
        penalties; and for the verdicts of snapshots, in evaluation mode. Without ``mixes_samples`` a step of the
        discriminator gives it real and fake images in one batch of twice the size.

        images: ``(N, C, H, W)`` in [-1, 1], augmented if the recipe has an augmentation.
        labels: int64 ``(N,)`` from 0 to ``image.classes - 1``, or None; see ``conditional``.
        rng: draws noise, through :func:`draw_normal` and :func:`draw_uniform`; None means no noise.
        """

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        """Return the logits of :meth:`forward` and what further heads give, from the same arguments.

        A discriminator with heads overrides it. It is called instead of ``forward`` if a part of the recipe needs
        outputs (``Needs.outputs``) or the loss names ``real_outputs`` or ``fake_outputs``. The discriminator reads the
        same ``needs`` when it is constructed and may leave out heads that nobody reads.
        """
        return DiscriminatorOutputs(self(images, labels, rng=rng))


class Rule(nn.Module):
    """What losses and penalties share: parameters, and state in buffers.

    State that changes from step to step, such as a moving average, must be a buffer (``self.register_buffer``) that is
    changed in place. Buffers are moved to the device, saved in checkpoints, and start equal on all ranks; a change must
    be the same on every rank, so compute it from :func:`whole_batch`. A rule has no trainable parameters: those belong
    to a network.

    params: an instance of the entry's ``params``.
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

    All tensors lie on the run's device. N is this rank's share of the batch, or of a part of it with
    ``loop.accumulate``; return the mean over it, not the sum, so that shares can be averaged.

    Optional arguments of both sides, passed if the method names them:

    real_outputs, fake_outputs: the :class:`DiscriminatorOutputs` that ``d_real`` and ``d_fake`` come from.
        ``real_outputs`` is None if ``d_real`` is.
    labels: int64 ``(N,)``, classes of the real images, which the fakes share, or None.
    latents: ``(N, Z)``, those that the fakes were made from.
    progress: a 0-dim float32 tensor, the share of the run from 0 to 1; a captured step reads it anew each time.
    """

    @abstractmethod
    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        """Return the discriminator's loss, a float32 scalar. Called once in each of its steps.

        d_real, d_fake: float32 logits ``(N,)`` of real and of fake images, with gradients; ``(N, ...)`` if the entry
            says ``patches`` and the discriminator judges patches.
        """

    @abstractmethod
    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        """Return the generator's loss, a float32 scalar. Called once in each of its steps.

        d_real: None unless the entry says ``generator_needs_real``; then as in :meth:`discriminator`.
        d_fake: float32 logits of the fakes, whose gradient leads to the generator.
        """

    def constrain(self, discriminator: Discriminator) -> None:
        """Bound the discriminator's weights in place. Called without gradients after each of its optimizer's steps."""


@dataclass(frozen=True)
class PenaltyInputs:
    """What a penalty reads in one step of one network. All tensors lie on the run's device.

    generator, discriminator: both networks, in training mode. The discriminator's weights require gradients in its own
        step alone. With an augmentation the discriminator augments what it is shown whenever it is given ``rng``.
    real, fake: images ``(N, C, H, W)`` in [-1, 1], float32, detached.
    latents: ``(N, Z)``, those that the fakes were made from.
    labels: int64 ``(N,)``, classes of the real images, which the fakes share, or None.
    rng: the step's random generator; draw from it alone, through :func:`draw_normal` and :func:`draw_uniform`.
    real_outputs, fake_outputs: what the discriminator gave in this step, with its gradients: reading them takes no
        further pass. ``real_outputs`` is None in the generator's step unless the loss reads real images there.
    progress: a 0-dim float32 tensor, the share of the run from 0 to 1.
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
    """A regulariser with its own axis in a recipe. Constructed as ``cls(params)``.

    Its ``params`` have a ``weight`` and an ``interval``, which the step applies: the step adds the mean of the penalty,
    times the weight, to the loss of the network that the entry names.
    """

    @abstractmethod
    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        """Return the unweighted penalty of each sample, float32 ``(N,)`` or ``(N, ...)``, differentiable; no scalar.

        Called after the loss in every ``interval``-th step of its network, the first one included, under the same
        autocast. Leave images, weights and the mode of the networks as they are.
        """


class Augmentation(nn.Module, ABC):
    """What the discriminator sees instead of the images, real and generated. Constructed as ``cls(image, params)``.

    strength: a scalar buffer in [0, 1], logged and kept in checkpoints with all other buffers.
    """

    strength: Tensor

    def __init__(self, image: ImageSpec, params: Any) -> None:
        super().__init__()
        self.image, self.params = image, params
        self.register_buffer("strength", torch.ones(()))

    @abstractmethod
    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Change each image by draws of its own; return images of the same shape, in [-1, 1] or near it.

        Differentiable twice with respect to the images, so that gradient penalties work through it. Called in both
        steps, without autocast, before each pass of the discriminator that is given ``rng``; not for snapshots.

        images: ``(N, C, H, W)`` in [-1, 1], float32.
        rng: draw from it alone, through :func:`draw_normal` and :func:`draw_uniform`.
        """

    def adapt(self, d_real: Tensor) -> None:
        """Change ``strength`` in place, if it adapts. Called without gradients after each step of the discriminator.

        d_real: the discriminator's logits of the real images of the whole batch, the same on every rank.
        """


@dataclass(frozen=True)
class SourceImage:
    """One image as a source delivers it.

    name: for messages. pixels: uint8 ``(H, W, C)`` with C 1 or 3, of any size. label: the class from 0, or None.
    """

    name: str
    pixels: np.ndarray
    label: int | None = None


class DataSource(ABC):
    """Images before resizing, in NumPy on the CPU. Constructed as ``cls(location, root, split)``.

    Its images are read once: they are resized and kept in a cache, whose key follows from :meth:`content_key`. With
    several ranks the first one reads them and the others find the cache.

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
        """Return how many images there are, unreadable ones included."""

    @abstractmethod
    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        """Yield the images in a fixed order; an unreadable one as :class:`BadImage`, never an exception.

        Labels are used if every image has one. They are one class for each image; vectors of attributes are not
        supported.
        """

    def peek(self) -> ImageSpec:
        """Return the spec of the set, from its first readable image; size 0 if that is not square.

        Required unless the entry has a fixed ``image``. Called on every rank, before and after decoding, so it must be
        fast. Its ``classes`` is the number of classes of the whole set, 0 without labels.
        """
        raise NotImplementedError

    def class_names(self) -> Sequence[str]:
        """Return the names of the classes that the data knows, in the order of the labels; () for none."""
        return ()

    def left_out(self) -> Mapping[str, int]:
        """Count the images that are there but not used, by a reason that completes "5 ... skipped".

        Called after the images were read, or found in the cache.
        """
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
        """Yield what iterating gives, each with the number of its file and the bytes at which it starts and stops.

        In the order of these. Called once, on the first rank.
        """

    @abstractmethod
    def read(self, file: int, start: int, stop: int) -> bytes:
        """Return bytes ``start`` to ``stop`` of a file. Called from threads, on every rank, while a run trains.

        Raises GanzooError if it cannot be read.
        """

    @abstractmethod
    def file_name(self, file: int) -> str:
        """Return the name of a file, for messages."""

    def close(self) -> None:
        """Give up within seconds what is being read. Called when nothing will be read any more."""

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return (item for _, item in self.located())


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read. name: for messages. reason: why, in a few words."""

    name: str
    reason: str


class Metric(ABC):
    """A score of generated against real images. Stateless; constructed as ``cls()`` for each score."""

    @abstractmethod
    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        """Return named values, finite numbers, from the features of both sides.

        Called on the first rank alone, after the extractor has read both sides; its values are told to the others.

        real, fake: :class:`ganzoo.metrics.features.Features` of the feature that the entry names. Of real images only
            what the entry ``reads`` is there.
        seed: ``metrics.seed``, for subsets and the like; draw from a generator of your own that is seeded with it.
        """


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
