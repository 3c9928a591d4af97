"""Shared parts of class-conditional networks: conditional batch norm, the projection, and further heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs

EMBEDDING = 128  # width of an embedding, which contrastive losses compare
OUTPUTS = ("classes", "embedding", "features", "proxies")
Layer = Callable[[int, int], nn.Module]


def classes_for(image: ImageSpec, conditional: bool | None = True) -> int:
    """Return how many classes a network reads; 0 if it is not conditional.

    conditional: None means conditional if the images have labels. Raises ValueError if it is True and the images have
    no labels.
    """
    if conditional and not image.classes:
        raise ValueError(
            "the data set has no labels, which conditional networks and class heads read; choose a labelled one"
        )
    return image.classes if conditional is not False else 0


def given(labels: Tensor | None) -> Tensor:
    """Return the labels ``(N,)`` of a class-conditional network. Raises ValueError if they are None."""
    if labels is None:
        raise ValueError("a class-conditional network needs labels (N,), got None")
    return labels


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm of ``(N, C, H, W)`` whose gain and bias depend on a condition c (de Vries et al. 2017,
    arXiv:1707.00683; Dumoulin et al. 2017, arXiv:1610.07629):
    y = (1 + gain(c)) (x - mean) / sqrt(variance + eps) + bias(c).

    gain, bias: modules that map a condition of N samples to ``(N, C)``.
    """

    def __init__(self, channels: int, gain: nn.Module, bias: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = gain, bias

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = (made.to(x.dtype)[:, :, None, None] for made in (1 + self.gain(condition), self.bias(condition)))
        return torch.addcmul(bias, gain, self.norm(x))


def batch_norm(channels: int, classes: int) -> nn.Module:
    """Return a batch norm with a gain and a bias for each class, initially 1 and 0; without classes a plain one."""
    if not classes:
        return nn.BatchNorm2d(channels)
    gain, bias = (nn.Embedding(classes, channels, _weight=torch.zeros(classes, channels)) for _ in range(2))
    return ConditionalBatchNorm2d(channels, gain, bias)


def normalise(norm: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    """Apply a layer to ``x``; a conditional batch norm also reads the condition."""
    return norm(x, condition) if isinstance(norm, ConditionalBatchNorm2d) else norm(x)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a fully connected layer, initialised after Glorot and Bengio 2010, with zero bias."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def embedding(classes: int, width: int) -> nn.Embedding:
    """Return a table with a vector for each class, initialised like the weight of a fully connected layer."""
    table = nn.Embedding(classes, width)
    nn.init.xavier_uniform_(table.weight)
    return table


class HeadedDiscriminator(Discriminator):
    """A discriminator whose subclass implements ``outputs``; its logits are taken from them."""

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.outputs(images, labels, rng=rng).logits


def features_and_logits(body: nn.Sequential, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the input of a body's last layer, ``(N, width)``, and the logits ``(N,)`` that the layer computes."""
    *trunk, last = body
    phi = images
    for layer in trunk:
        phi = layer(phi)
    return phi, last(phi).squeeze(1)


class Heads(nn.Module):
    """The outputs that a discriminator computes from its last features phi ``(N, width)``, in addition to its logit
    psi(phi) ``(N,)``.

    conditional: as in :func:`classes_for`; if conditional, <embedding of y, phi> is added to the logit (Miyato and
        Koyama 2018, arXiv:1802.05637, eq. 3).
    outputs: names from :data:`OUTPUTS`. "classes": class logits, linear in phi (Odena et al. 2017, arXiv:1610.09585).
        "embedding", "proxies": a linear map of phi, and a trainable vector of each sample's class, ``(N, EMBEDDING)``,
        both of length 1 (Kang et al. 2021, arXiv:2111.01118, eq. 5). "features": phi itself, for feature matching
        (Salimans et al. 2016, arXiv:1606.03498).
    linear, embedding: make layers with the network's initialisation. wrap: normalises a layer.
    """

    def __init__(
        self, width: int, image: ImageSpec, outputs: Sequence[str], conditional: bool | None = False, *,
        linear: Layer = linear, embedding: Layer = embedding, wrap: Callable[[Any], nn.Module] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if unknown := [name for name in outputs if name not in OUTPUTS]:
            raise ValueError(f"the discriminator has no {' or '.join(unknown)}; it has {', '.join(OUTPUTS)}")
        self.names, wrap = tuple(outputs), wrap or nn.Identity()
        classes = classes_for(image, conditional)
        self.conditional: Literal["required", False] = "required" if classes or "proxies" in outputs else False
        self.project = wrap(embedding(classes, width)) if classes else None
        self.classify = wrap(linear(width, classes_for(image))) if "classes" in outputs else None
        self.embed = wrap(linear(width, EMBEDDING)) if "embedding" in outputs else None
        self.proxies = wrap(embedding(classes_for(image), EMBEDDING)) if "proxies" in outputs else None

    def read(self, logits: Tensor, phi: Tensor, labels: Tensor | None) -> DiscriminatorOutputs:
        """Return all outputs for the logits psi(phi) ``(N,)``, phi ``(N, width)`` and the labels ``(N,)``. Raises
        ValueError if a head needs labels and they are None."""
        if self.project is not None:
            logits = logits + (self.project(given(labels)) * phi).sum(1)
        classes = None if self.classify is None else self.classify(phi)
        features = {"features": phi} if "features" in self.names else {}
        if self.embed is not None:
            features["embedding"] = F.normalize(self.embed(phi).float())
        if self.proxies is not None:
            features["proxies"] = F.normalize(self.proxies(given(labels)).float())
        return DiscriminatorOutputs(logits, classes, features)
