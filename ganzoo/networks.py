"""The two networks of a GAN. Plugins import them from :mod:`ganzoo.interfaces`, which states the conventions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.drawing import draw_images, draw_seeds
from ganzoo.entries import ImageSpec

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

    def sample_seeds(
        self, seeds: Sequence[int], *, labels: Tensor | int | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw an image of each seed, ``(len(seeds), C, H, W)`` as :meth:`sample` does; each depends on its seed alone.

        labels: classes ``(len(seeds),)``, one class for all, or None for that which each seed draws.
        Raises GanzooError as :meth:`sample` does.
        """
        return torch.cat([image.float().cpu() for image in draw_seeds(self, seeds, labels, truncation)])


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
