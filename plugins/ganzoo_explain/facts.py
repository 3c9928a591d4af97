"""The facts about a combination before training: its configuration, its built networks and their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from ganzoo.config.schema import Config
from ganzoo.data.factory import peek_configured
from ganzoo.entries import Entry, ImageSpec
from ganzoo.interfaces import Generator, Loss
from ganzoo.models.build import Model, build_model, parameter_count
from ganzoo.utils.files import one_line
from ganzoo_explain.probe import Curves, curves, passage, said


@dataclass(frozen=True)
class Network:
    """One network. weights: the number of weights that training changes. stages: the shapes of an image inside it."""

    weights: int
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All facts that the explanation uses.

    features: the shape of each further output of the discriminator, for one image, by name. patches: the number of
    logits of an image along each axis; () for a single logit.
    """

    config: Config
    image: ImageSpec
    model: Model
    latent: tuple[int, ...]
    generator: Network
    discriminator: Network
    curves: Curves
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    patches: tuple[int, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The discriminator's outputs, in addition to the logits, that a loss, penalty or step needs."""
        return self.config.recipe.needs.outputs

    @property
    def batch(self) -> int:
        """The number of images of each kind in one step."""
        batch: int = self.config.values.loop.batch
        return batch

    @property
    def steps(self) -> int:
        """The number of discriminator steps per generator step."""
        return self.config.discriminator_steps

    @property
    def normal_latents(self) -> bool:
        """Whether the generator draws its latents as the core does, from a standard normal distribution."""
        return type(self.model.generator).sample_latents is Generator.sample_latents

    @property
    def bounds_weights(self) -> bool:
        """Whether the loss changes the discriminator's weights after each of its steps."""
        return type(self.model.loss).constrain is not Loss.constrain

    @property
    def images(self) -> str:
        """The shape of a batch of images."""
        return by((self.batch, self.image.channels, self.image.size, self.image.size))

    def named(self, entry: Entry) -> str:
        """Return an entry's name, its distribution and its version."""
        return one_line(f"{entry.name}, from {entry.owner.distribution} {entry.owner.version}")


def gather(config: Config) -> Facts:
    """Build the combination on the CPU and probe it. Raises GanzooError if a run would refuse the combination."""
    image = peek_configured(config)
    model = build_model(config, image)
    latents = model.generator.sample_latents(2, torch.Generator().manual_seed(0))
    labels = torch.zeros(2, dtype=torch.int64) if image.classes else None
    images, grown = passage(model.generator, latents, labels)
    logits, judged = passage(model.discriminator, images, labels)
    outputs = said(model.discriminator, images, labels)
    first, shape = by(latents.shape[1:]), by((image.channels, image.size, image.size))
    patches = tuple(logits.shape[1:])
    return Facts(
        config=config,
        image=image,
        model=model,
        latent=tuple(latents.shape[1:]),
        generator=Network(parameter_count(model.generator), _between((first, *grown, shape))),
        discriminator=Network(parameter_count(model.discriminator), _between((shape, *judged, by(patches) or "1"))),
        curves=curves(model.loss, config.recipe.loss.generator_needs_real, outputs, labels, latents),
        features={name: tuple(value.shape[1:]) for name, value in outputs.features.items()},
        patches=patches,
    )


def by(sizes: Iterable[int]) -> str:
    """Return a shape such as ``32×1×28×28``."""
    return "×".join(map(str, sizes))


def _between(stages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the stages without consecutive repetitions."""
    return tuple(stage for i, stage in enumerate(stages) if i == 0 or stage != stages[i - 1])
