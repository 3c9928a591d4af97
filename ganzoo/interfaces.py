"""The abstract base classes that plugins implement: networks, losses, penalties, augmentations, metrics and sources.

Conventions: images are float tensors ``(N, C, H, W)`` in [-1, 1]; labels are int64 ``(N,)`` or None; logits are
``(N,)``, and higher means more real. Random numbers come from an explicit ``torch.Generator``; nothing here changes the
global random state. Optional arguments are passed only to methods that name them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.distributed.collectives import of_whole_batch, whole_batch
from ganzoo.drawing import draw_normal, draw_uniform
from ganzoo.entries import ImageSpec, Needs
from ganzoo.networks import Discriminator, DiscriminatorOutputs, Generator, Side
from ganzoo.sources import BadImage, DataSource, SourceImage, StreamedSource


class Rule(nn.Module):
    """The base class of losses and penalties: parameters, and state in buffers.

    State that changes from step to step, such as a moving average, must be a buffer (``self.register_buffer``) that is
    changed in place. Buffers are moved to the device, saved in checkpoints, and start equal on all ranks. A change must
    be the same on every rank, so compute it from :func:`whole_batch`. A rule has no trainable parameters: these belong
    to a network.

    params: an instance of the entry's ``params``.
    """

    params: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        nn.Module.__init__(made)  # a subclass may omit super().__init__()
        return made

    def __init__(self, params: Any) -> None:
        self.params = params


class Loss(Rule, ABC):
    """The losses of the discriminator and the generator, each a scalar to minimise. Constructed as ``cls(params)``.

    All tensors are on the run's device. N is the size of this rank's share of the batch or, with ``loop.accumulate``,
    of a part of it. Return the mean over these samples, not the sum, so that shares can be averaged.

    Optional arguments of both methods, passed if the method names them:

    real_outputs, fake_outputs: the :class:`DiscriminatorOutputs` that ``d_real`` and ``d_fake`` come from.
        ``real_outputs`` is None if ``d_real`` is None.
    labels: int64 ``(N,)``, the classes of the real images, which the fakes share, or None.
    latents: ``(N, Z)``, the latents of the fakes.
    progress: a 0-dim float32 tensor, the completed share of the run from 0 to 1; a captured CUDA graph reads its
        current value at each replay.
    rng: the source of random numbers, drawn with :func:`draw_normal` and :func:`draw_uniform`.
    """

    @abstractmethod
    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        """Return the discriminator's loss, a float32 scalar. Called once for each part of a batch in each of its steps.

        d_real, d_fake: float32 logits ``(N,)`` of real and fake images, with gradients; ``(N, ...)`` if the entry
            sets ``patches`` and the discriminator returns a logit for each patch.
        """

    @abstractmethod
    def generator(self, *, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        """Return the generator's loss, a float32 scalar. Called once for each part of a batch in each of its steps.

        d_real: None unless the entry sets ``generator_needs_real``; then as in :meth:`discriminator`.
        d_fake: float32 logits of the fakes, with gradients that flow to the generator.
        """

    def constrain(self, discriminator: Discriminator) -> None:
        """Constrain the discriminator's weights in place. Called after each of its optimizer steps, without gradients.

        Does nothing by default.
        """


@dataclass(frozen=True)
class PenaltyInputs:
    """The inputs of a penalty in one step of one network. All tensors are on the run's device.

    generator, discriminator: both networks, in training mode. The discriminator's weights require gradients only in its
        own step. If the recipe has an augmentation, the discriminator augments its images whenever it is given ``rng``.
    real, fake: images ``(N, C, H, W)`` in [-1, 1], float32, detached.
    latents: ``(N, Z)``, the latents of the fakes.
    labels: int64 ``(N,)``, the classes of the real images, which the fakes share, or None.
    rng: the step's random generator; draw only from it, through :func:`draw_normal` and :func:`draw_uniform`.
    real_outputs, fake_outputs: the discriminator's outputs in this step, with gradients; reading them takes no further
        pass. ``real_outputs`` is None in the generator's step unless the loss reads real images there.
    progress: a 0-dim float32 tensor, the completed share of the run from 0 to 1.
    step_of: the network whose step it is, for penalties on "both" networks.
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
    """A regulariser that is named separately in a recipe. Constructed as ``cls(params)``.

    Its ``params`` have a ``weight`` and an ``interval``. The step applies both: in every ``interval``-th step it adds
    the mean of the penalty, times weight and interval, to the loss of the network that the entry names.
    """

    @abstractmethod
    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        """Return the unweighted, differentiable penalty of each sample, float32 ``(N,)`` or ``(N, ...)``, no scalar.

        Called after the loss in every ``interval``-th step of its network, starting with the first, under the same
        autocast; in float32 if the run is in fp16. Do not change the images, the weights or the mode of the networks.
        """


class Augmentation(nn.Module, ABC):
    """A random change of all images, real and generated, that the discriminator sees. Made as ``cls(image, params)``.

    strength: a scalar buffer in [0, 1]; it is logged, and saved in checkpoints with all other buffers.
    """

    strength: Tensor

    def __init__(self, image: ImageSpec, params: Any) -> None:
        super().__init__()
        self.image, self.params = image, params
        self.register_buffer("strength", torch.ones(()))

    @abstractmethod
    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Change each image by its own random draws; return images of the same shape, approximately in [-1, 1].

        Must be differentiable twice with respect to the images, so that gradient penalties work through it. Called in
        the steps of both networks, without autocast, before each discriminator pass with ``rng``; not for snapshots.

        images: ``(N, C, H, W)`` in [-1, 1], float32.
        rng: draw only from it, through :func:`draw_normal` and :func:`draw_uniform`.
        """

    def adapt(self, d_real: Tensor) -> None:
        """Adapt ``strength`` in place. Called after each step of the discriminator, without gradients.

        Does nothing by default. d_real: the discriminator's logits of all real images of the batch, the same on every
        rank. progress: an optional argument, passed if the method names it: the completed share of the run from 0 to 1,
        a 0-dim tensor.
        """


class Metric(ABC):
    """A score of generated images against real images. Stateless; constructed as ``cls()`` for each score."""

    @abstractmethod
    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        """Compute the metric from the features of both sides; return its values, finite numbers, by name.

        Called only on the first rank, after the extractor has read both sides; the values are sent to the other ranks.
        A value named ``NAME:LABEL`` belongs to one class: it goes into ``by_class`` of the score, not into ``values``.

        real, fake: :class:`ganzoo.metrics.features.Features` of the feature that the entry names. For real images, only
            what the entry ``reads`` is available.
        seed: ``metrics.seed``, for random subsets and similar; draw from your own generator, seeded with it.
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
