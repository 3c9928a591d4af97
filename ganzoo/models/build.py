"""From a checked configuration to networks, loss and penalties, and the checks only a built network allows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganzoo.config.schema import Config
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Discriminator, Generator, Loss
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.models.spectral import normalise_together


@dataclass(frozen=True)
class Model:
    """Everything of a combination that holds weights or computes a loss."""

    generator: Generator
    discriminator: Discriminator
    loss: Loss
    penalties: tuple[ScheduledPenalty, ...]
    augmentation: Augmentation | None = None


def build_model(config: Config, image: ImageSpec) -> Model:
    """Build on the CPU from the configured seed, leaving the global random state as it was.

    Raises GanzooError where an architecture cannot make the image or meet what loss and penalties need.
    """
    recipe, values = config.recipe, config.values
    check_image(config, image)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(values.seed)
        generator = build_generator(config, image)
        try:
            discriminator = recipe.discriminator.load_discriminator()(image, values.discriminator, recipe.needs)
        except (ValueError, RuntimeError, MemoryError, OverflowError) as error:
            raise GanzooError(f"{recipe}: {' '.join(str(error).split())[:300]}") from error
    _check_shapes(config, generator, discriminator, image)
    if recipe.needs.per_sample:
        _check_per_sample(config, discriminator, image)
    for network in (generator, discriminator):
        normalise_together(network)
    penalties = []
    for key, entry in recipe.penalty_keys.items():
        params = getattr(values.penalties, key)
        penalty = entry.load()(params)
        penalties.append(ScheduledPenalty(entry.name, entry.network, penalty, params.weight, params.interval))
    augmentation = None
    if recipe.augmentation:
        augmentation = recipe.augmentation.load()(image, values.augmentation)
    return Model(generator, discriminator, recipe.loss.load()(values.loss), tuple(penalties), augmentation)


def build_generator(config: Config, image: ImageSpec) -> Generator:
    """The generator alone, from the global random state. Raises GanzooError where the settings ask for too much."""
    entry = config.recipe.generator
    try:
        generator: Generator = entry.load_generator()(image, config.values.generator)
    except (RuntimeError, MemoryError, OverflowError) as error:  # torch's words for memory that is not to be had
        raise GanzooError(
            f"{entry.name}: there can be no such generator of {image.size}x{image.size} images "
            f"({' '.join(str(error).split())[:200]}); see generator.* and data.size"
        ) from error
    return generator


def check_image(config: Config, image: ImageSpec) -> None:
    """Whether both architectures can make this image; costs nothing. Raises GanzooError that names the key."""
    for entry in {config.recipe.generator.name: config.recipe.generator,
                  config.recipe.discriminator.name: config.recipe.discriminator}.values():  # fmt: skip
        try:
            entry.check_image(image)
        except ValueError as error:
            raise GanzooError(
                f"data.size: {entry.name} cannot make {image.size}x{image.size} images: {error}; set data.size=N"
            ) from error


def parameter_count(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@torch.no_grad()
def _check_shapes(config: Config, generator: Generator, discriminator: Discriminator, image: ImageSpec) -> None:
    """Shapes as the interfaces promise, seen on a batch of two, so that a plugin's mistake is named at once."""
    images = torch.zeros(2, image.channels, image.size, image.size)
    labels = torch.zeros(2, dtype=torch.int64) if image.classes else None
    made = _evaluated(generator, torch.zeros(2, generator.latent_dim), labels).shape
    if made != images.shape:
        raise GanzooError(
            f"{config.recipe.generator.name}: the generator makes {tuple(made)}, expected {tuple(images.shape)}"
        )
    logits = _evaluated(discriminator, images, labels).shape
    if logits != (2,):
        raise GanzooError(
            f"{config.recipe.discriminator.name}: the discriminator gives {tuple(logits)}, "
            "expected one logit each, (2,)"
        )


@torch.no_grad()
def _check_per_sample(config: Config, discriminator: Discriminator, image: ImageSpec) -> None:
    """Change the other images of a batch and see that the first one's logit stays. No plugin is taken at its word."""
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(4, image.channels, image.size, image.size, generator=rng)
    labels = torch.zeros(4, dtype=torch.int64) if image.classes else None
    others = torch.cat([images[:1], torch.randn(images[1:].shape, generator=rng)])
    state = {name: value.clone() for name, value in discriminator.state_dict().items()}
    first = discriminator(images, labels, rng=torch.Generator().manual_seed(0))[0]
    discriminator.load_state_dict(state)
    second = discriminator(others, labels, rng=torch.Generator().manual_seed(0))[0]
    discriminator.load_state_dict(state)
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-5):
        asking = [part.name for part in config.recipe.rules if part.needs.per_sample]
        raise GanzooError(
            f"{config.recipe}: the discriminator of {config.recipe.discriminator.name} mixes the samples of a batch, "
            f"which {' and '.join(asking)} forbid{'s' if len(asking) == 1 else ''}; "
            "turn batch statistics off or choose another loss"
        )


def _evaluated(network: nn.Module, *inputs: torch.Tensor | None) -> torch.Tensor:
    network.eval()
    output = network(*inputs)
    network.train()
    return output
