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
from ganzoo.utils.torch_defaults import torch_defaults

Side = Literal["discriminator", "generator"]


class Generator(nn.Module, ABC):
    """A network that maps latents to images.

    Constructed as ``cls(image, params)`` on the CPU, before the discriminator.

    image: the spec of the images to make. params: an instance of the entry's ``generator_params``.

    Its attributes; ``__init__`` must set ``latent_dim`` and ``image``:

    conditional: whether it uses labels; "required": it needs them, so a data set without labels is refused.
    has_truncation: whether it supports ``truncation`` below 1.
    latent_dim: Z, the dimension of a latent.
    image: the spec of the images that it makes: channels, size, classes.
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

        Called in training mode for each batch of fakes, under autocast if the run is in bf16 or fp16; and in evaluation
        mode, without gradients, for snapshots, scores, samples and exports.

        latents: ``(N, Z)``, float32, from :meth:`sample_latents`.
        labels: int64 ``(N,)`` from 0 to ``image.classes - 1``, or None; see ``conditional``.
        rng: the source of noise and style mixing, drawn with :func:`draw_normal` and :func:`draw_uniform`; None: no
            noise.
        truncation: in [0, 1]; below 1 it pulls samples towards the mean. Networks without ``has_truncation`` get only
            1.0. Networks with it must also accept a scalar tensor and must not branch on its value: ``ganzoo export``
            makes it an input in this way.
        """

    def sample_latents(self, count: int, rng: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """Draw latents ``(count, Z)`` from the prior on the device of ``rng``; return them on ``device``.

        Called before each :meth:`forward`. Override it if the prior is not standard normal.
        """
        return torch.randn(count, self.latent_dim, generator=rng, device=rng.device).to(device)

    @torch_defaults()
    def sample(
        self, count: int, *, seed: int = 0, labels: Tensor | int | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw images ``(count, C, H, W)`` in [-1, 1], float32 on the CPU; image k depends on the seed alone.

        labels: classes ``(count,)``, one class for all, or None for random classes. Raises GanzooError if the generator
        is in training mode or does not support the labels or the truncation.
        """
        return torch.cat([chunk.float().cpu() for chunk in draw_images(self, count, seed, labels, truncation)])

    @torch_defaults()
    def sample_seeds(
        self, seeds: Sequence[int], *, labels: Tensor | int | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Draw one image from each seed, ``(len(seeds), C, H, W)`` as :meth:`sample` does.

        Each image depends on its own seed alone. labels: classes ``(len(seeds),)``, one class for all, or None for the
        class that each seed draws. Raises GanzooError as :meth:`sample` does.
        """
        return torch.cat([image.float().cpu() for image in draw_seeds(self, seeds, labels, truncation)])


@dataclass(frozen=True)
class DiscriminatorOutputs:
    """The outputs of a discriminator for a batch. Losses and penalties get them in float32, with gradients.

    logits: ``(N,)``, higher means more real; ``(N, ...)``, one for each patch, if the loss allows patches.
    classes: class logits ``(N, K)`` from a class head (Odena et al. 2017), or None.
    features: further tensors ``(N, ...)`` by name, such as "embedding" or the activations of a layer.
    """

    logits: Tensor
    classes: Tensor | None = None
    features: Mapping[str, Tensor] = field(default_factory=dict)

    def lacks(self, names: Sequence[str]) -> list[str]:
        """Return the names ("classes" or a feature's name) that are missing from these outputs."""
        there = {*self.features, *(["classes"] if self.classes is not None else [])}
        return [name for name in names if name not in there]

    def map(self, change: Callable[[Tensor], Tensor]) -> DiscriminatorOutputs:
        """Return these outputs with a function applied to each tensor."""
        classes = None if self.classes is None else change(self.classes)
        features = {name: change(value) for name, value in self.features.items()}
        return DiscriminatorOutputs(change(self.logits), classes, features)

    def halves(self) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
        """Split the outputs of a batch into those of its first and its second half."""
        logits = self.logits.chunk(2)
        classes = [None, None] if self.classes is None else list(self.classes.chunk(2))
        features = {name: value.chunk(2) for name, value in self.features.items()}
        first, second = (
            DiscriminatorOutputs(logits[k], classes[k], {name: pair[k] for name, pair in features.items()})
            for k in (0, 1)
        )
        return first, second


class Discriminator(nn.Module, ABC):
    """A network that maps images to logits.

    Constructed as ``cls(image, params, needs)`` on the CPU.

    image: the spec of the images to judge. params: an instance of the entry's ``discriminator_params``.
    needs: the combined :class:`Needs` of loss, penalties and step; raise ValueError if they cannot be met.

    Its weights require gradients only in its own step; it is in training mode in the steps of both networks. Its
    attributes; ``__init__`` must set ``image``:

    conditional: whether it uses labels; "required": it needs them, so a data set without labels is refused.
    mixes_samples: whether a logit depends on the other images of the batch (batch norm, minibatch standard deviation);
        real and fake images are then passed in separate calls.
    image: the spec of the images that it judges: channels, size, classes.
    """

    conditional: bool | Literal["required"] = False
    mixes_samples: bool = False
    image: ImageSpec

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Map images to logits ``(N,)``; higher means more real.

        The logits may be ``(N, ...)``, one for each patch, if the loss and all penalties of the recipe allow it.

        Called in the steps of both networks, unless a part of the recipe needs :meth:`outputs`, which is then called
        instead; by penalties; and for the verdicts of snapshots, in evaluation mode unless ``mixes_samples``. Without
        ``mixes_samples``, a step of the discriminator passes real and fake images as one batch of twice the size.

        images: ``(N, C, H, W)`` in [-1, 1], augmented if the recipe has an augmentation.
        labels: int64 ``(N,)`` from 0 to ``image.classes - 1``, or None; see ``conditional``.
        rng: the source of noise, drawn with :func:`draw_normal` and :func:`draw_uniform`; None: no noise.
        """

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        """Return the logits of :meth:`forward` and the outputs of further heads; the arguments are the same.

        A discriminator with further heads overrides it. It is called instead of ``forward`` if a part of the recipe
        needs outputs (``Needs.outputs``) or the loss names ``real_outputs`` or ``fake_outputs``. The discriminator gets
        the same ``needs`` when it is constructed, and may leave out heads that no part reads.
        """
        return DiscriminatorOutputs(self(images, labels, rng=rng))
