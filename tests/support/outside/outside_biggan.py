"""A small class-conditional BigGAN (Brock et al. 2019) with a projection discriminator (Miyato, Koyama 2018).

One file, written from the documentation alone, as a researcher outside of the project would write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo import ArchitectureEntry, ImageSpec, Needs, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, Generator

SMALLEST = 4  # side of the generator's first feature map, and of the discriminator's last one


@dataclass
class GeneratorParams:
    width: int = param(8, "channels at the image's size; doubles with each halving, up to eight times")
    chunk: int = param(8, "latent numbers that the first layer and each block read")
    embedding: int = param(16, "numbers in the embedding of a class")

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "chunk", "embedding")


@dataclass
class DiscriminatorParams:
    width: int = param(8, "channels at the image's size; doubles with each halving, up to eight times")

    def __post_init__(self) -> None:
        at_least(self, 1, "width")


def doublings(image: ImageSpec) -> int:
    """Count the halvings from the image's size to `SMALLEST`."""
    return (image.size // SMALLEST).bit_length() - 1


def check_image(image: ImageSpec) -> None:
    """Refuse a size that is not `SMALLEST` times a power of two, 8 or larger."""
    if image.size < 2 * SMALLEST or image.size != SMALLEST << doublings(image):
        raise ValueError(f"the size must be 8, 16, 32 or a larger power of two, is {image.size}")


@hookimpl
def register_architectures(register) -> None:
    register(
        ArchitectureEntry(
            name="outside-biggan",
            summary="BigGAN's residual blocks with class-conditional batch norm, and a projection discriminator",
            paper="Brock, Donahue, Simonyan 2019, Large Scale GAN Training, arXiv:1809.11096",
            generator="outside_biggan:BigGenerator",
            discriminator="outside_biggan:ProjectionDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_image,
            defaults={"optimizer.generator.betas": [0.0, 0.999], "optimizer.discriminator.betas": [0.0, 0.999]},
        )
    )


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Module:
    """A spectrally normalised convolution that keeps the size."""
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))


class ConditionalNorm(nn.Module):
    """Batch norm whose gain and bias are linear in a condition ``(N, D)``."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(condition, channels)
        self.bias = nn.Linear(condition, channels)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        gain, bias = self.gain(condition), self.bias(condition)
        return self.norm(features) * (1 + gain[..., None, None]) + bias[..., None, None]


class Up(nn.Module):
    """A residual block that doubles the size."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = ConditionalNorm(inputs, condition), ConditionalNorm(outputs, condition)
        self.first, self.second = conv(inputs, outputs), conv(outputs, outputs)
        self.skip = conv(inputs, outputs, 1)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        inner = self.first(interpolate(relu(self.first_norm(features, condition)), scale_factor=2))
        inner = self.second(relu(self.second_norm(inner, condition)))
        return inner + self.skip(interpolate(features, scale_factor=2))


class BigGenerator(Generator):
    """A generator that splits the latents into chunks: one for the first layer, one with the class for each block."""

    conditional = "required"

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.chunk = image, params.chunk
        blocks = doublings(image)
        self.latent_dim = params.chunk * (blocks + 1)
        widths = [params.width * min(8, 2**level) for level in range(blocks, -1, -1)]
        self.embedding = nn.Embedding(image.classes, params.embedding)
        self.first = spectral_norm(nn.Linear(params.chunk, widths[0] * SMALLEST**2))
        condition = params.chunk + params.embedding
        self.blocks = nn.ModuleList(Up(i, o, condition) for i, o in pairwise(widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = conv(widths[-1], image.channels)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        chunks = latents.split(self.chunk, 1)
        classes = self.embedding(labels)
        features = self.first(chunks[0]).unflatten(1, (-1, SMALLEST, SMALLEST))
        for block, chunk in zip(self.blocks, chunks[1:], strict=True):
            features = block(features, torch.cat([chunk, classes], 1))
        return self.last(relu(self.norm(features))).tanh()


class Down(nn.Module):
    """A residual block that halves the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = conv(inputs, outputs), conv(outputs, outputs)
        self.skip = conv(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        inner = self.second(relu(self.first(relu(features))))
        return avg_pool2d(inner, 2) + self.skip(avg_pool2d(features, 2))


class ProjectionDiscriminator(Discriminator):
    """A residual discriminator: a logit with a projection of the class, and a class head if needed."""

    conditional = "required"

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        if unknown := set(needs.outputs) - {"classes"}:
            raise ValueError(f"the discriminator has no {', '.join(sorted(unknown))}, only classes")
        self.image = image
        blocks = doublings(image)
        widths = [params.width * min(8, 2**level) for level in range(blocks + 1)]
        self.first = conv(image.channels, widths[0])
        self.blocks = nn.Sequential(*(Down(i, o) for i, o in pairwise(widths)))
        self.logit = spectral_norm(nn.Linear(widths[-1], 1))
        self.projection = spectral_norm(nn.Embedding(image.classes, widths[-1]))
        self.classify = spectral_norm(nn.Linear(widths[-1], image.classes)) if "classes" in needs.outputs else None

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        features = relu(self.blocks(self.first(images))).sum((2, 3))
        logits = self.logit(features).squeeze(1) + (self.projection(labels) * features).sum(1)
        return DiscriminatorOutputs(logits, None if self.classify is None else self.classify(features))

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.outputs(images, labels, rng=rng).logits
