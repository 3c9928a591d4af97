"""The abstract parts of a GAN. Everything that trains here is one of these.

Conventions: images are float tensors ``(N, C, H, W)`` in [-1, 1]; labels are int64 ``(N,)`` or None; logits are
``(N,)``, higher meaning more real. Randomness comes from an explicit ``torch.Generator``; nothing here touches the
global random state. Arguments that are marked as optional are passed only to a method that names them.
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


class Metric(ABC):
    """A score of generated against real images. Stateless; constructed as ``cls()`` for each score."""

    @abstractmethod
    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        """Return named values, finite numbers, from the features of both sides.

        Called on the first rank alone, after the extractor has read both sides; its values are told to the others.

        real, fake: :class:`ganzoo.metrics.features.Features` of the feature that the entry names. Of real images only
            what the entry ``reads`` is there.
        seed: ``metrics.seed``, for subsets and the like; draw from a generator of your own that is seeded with it.
        A value named ``NAME:LABEL`` is of that class alone: it stands under ``by_class`` of the score, not its values.
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
