"""Build networks, loss and penalties from a checked configuration, and run the checks that need built networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from ganzoo.config.schema import Config
from ganzoo.entries import ImageSpec
from ganzoo.entry import construct
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Discriminator, Generator, Loss, Side
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.models.checks import check_networks, refuse_missing_labels
from ganzoo.models.spectral import normalise_together


@dataclass(frozen=True)
class Model:
    """The networks, loss, penalties and augmentation of a combination.

    companions: further networks that a registered step trains with the generator or the discriminator, by that side.
    """

    generator: Generator
    discriminator: Discriminator
    loss: Loss
    penalties: tuple[ScheduledPenalty, ...]
    augmentation: Augmentation | None = None
    companions: Mapping[Side, nn.Module] = field(default_factory=dict)


def build_model(config: Config, image: ImageSpec) -> Model:
    """Build a model on the CPU from the configured seed; the global random state stays unchanged.

    Raises GanzooError if an architecture cannot make the image, or does not meet the needs of loss, penalties and step.
    """
    recipe, values = config.recipe, config.values
    check_image(config, image)
    refuse_missing_labels(config, recipe.generator.load_generator(), recipe.discriminator.load_discriminator(), image)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(values.seed)
        generator = _generator(config, image)
        try:
            discriminator = construct(recipe.discriminator.discriminator, image, values.discriminator, recipe.needs)
        except (ValueError, RuntimeError, MemoryError, OverflowError) as error:
            raise GanzooError(f"{recipe}: {' '.join(str(error).split())[:300]}") from error
        companions: Mapping[Side, nn.Module] = {}
        if recipe.step:
            companions = recipe.step.load().networks(generator, discriminator, values.step)
        penalties = []
        for key, entry in recipe.penalty_keys.items():
            params = getattr(values.penalties, key)
            penalty = entry.construct(params)
            penalties.append(ScheduledPenalty(entry.name, entry.network, penalty, params.weight, params.interval))
        augmentation = recipe.augmentation.construct(image, values.augmentation) if recipe.augmentation else None
        loss = recipe.loss.construct(values.loss)
    check_networks(config, generator, discriminator, image)
    for network in (generator, discriminator, *companions.values()):
        normalise_together(network)
    return Model(generator, discriminator, loss, tuple(penalties), augmentation, companions)


def build_generator(config: Config, image: ImageSpec) -> Generator:
    """Build only the generator; the global random state stays unchanged. Raises GanzooError if it cannot be built."""
    with torch.random.fork_rng(devices=[]):
        return _generator(config, image)


def _generator(config: Config, image: ImageSpec) -> Generator:
    entry = config.recipe.generator
    try:
        generator: Generator = construct(entry.generator, image, config.values.generator)
    except ValueError as error:
        raise GanzooError(f"{config.recipe}: {' '.join(str(error).split())[:300]}") from error
    except (RuntimeError, MemoryError, OverflowError) as error:  # torch raises these when memory is short
        raise GanzooError(
            f"{entry.name}: cannot build the generator of {image.size}x{image.size} images "
            f"({' '.join(str(error).split())[:200]}); see generator.* and data.size"
        ) from error
    return generator


def check_image(config: Config, image: ImageSpec) -> None:
    """Check, without building them, that both architectures can make this image. Raises a GanzooError that names
    the key."""
    if image.channels not in (1, 3) or image.size < 1 or image.classes < 0:
        raise GanzooError(f"{image}: channels must be 1 or 3, size above 0, classes 0 or more")
    for entry in {config.recipe.generator.name: config.recipe.generator,
                  config.recipe.discriminator.name: config.recipe.discriminator}.values():  # fmt: skip
        try:
            entry.check_image(image)
        except ValueError as error:
            raise GanzooError(
                f"data.size: {entry.name} cannot make {image.size}x{image.size} images: {error}; set data.size=N"
            ) from error


def parameter_count(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
