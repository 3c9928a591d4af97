"""Checks that need built networks: shapes, outputs, labels, samples that do not mix. No plugin is trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ganzoo.config.recipe import Recipe
from ganzoo.config.schema import Config
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, Generator

logger = logging.getLogger(__name__)
T = TypeVar("T")


def check_networks(config: Config, generator: Generator, discriminator: Discriminator, image: ImageSpec) -> None:
    """Check that the networks fit the images, each other and the needs of loss, penalties and step.

    Raises a GanzooError that names the part. Logs a warning if only the generator uses the labels.
    """
    recipe = config.recipe
    refuse_missing_labels(config, generator, discriminator, image)
    check_labels(recipe, generator, discriminator, image)
    with torch.no_grad():
        _check_shapes(recipe, generator, discriminator, image)
        if recipe.needs.per_sample:
            _check_per_sample(recipe, discriminator, image)


def refuse_missing_labels(config: Config, generator: Any, discriminator: Any, image: ImageSpec) -> None:
    """Raise GanzooError if a part requires labels and the images have none.

    generator, discriminator: the networks, or their classes, whose ``conditional`` may be "required" too.
    """
    if image.classes:
        return
    recipe, labels = config.recipe, config.values.data.labels
    networks = {
        f"the generator of {recipe.generator.name}": generator,
        f"the discriminator of {recipe.discriminator.name}": discriminator,
    }
    demanding = [name for name, network in networks.items() if getattr(network, "conditional", False) == "required"]
    demanding += [part.name for part in recipe.demanding if part.needs.labels]
    if demanding and labels == "none":
        raise GanzooError(f"{recipe}: {demanding[0]} requires labels, but data.labels=none drops them; set it to auto")
    if demanding:
        raise GanzooError(
            f"{recipe}: {demanding[0]} requires labels, which the data set does not have; choose a data set with "
            "classes, or one directory per class"
        )


def check_labels(recipe: Recipe, generator: Generator, discriminator: Discriminator, image: ImageSpec) -> None:
    """Check, if the images have labels, that the generator and the discriminator's side both use them or neither does.

    Logs a warning if only the generator uses them. Raises GanzooError if the generator does not use them, but the
    discriminator, the loss, the step or a penalty on the generator does.
    """
    if not image.classes:
        return
    makes, judges = (
        any(field.name == "conditional" for field in fields(params))
        for params in (recipe.generator.generator_params, recipe.discriminator.discriminator_params)
    )
    taught = discriminator.conditional or recipe.needs.labels
    if generator.conditional and not taught:
        logger.warning(
            f"{recipe}: the generator is told the class, but neither the discriminator nor a loss or penalty is, so it "
            f"will not learn to draw the class; {'set discriminator.conditional=true, or ' if judges else ''}"
            "add a penalty that reads the classes, such as acgan"
        )
    if generator.conditional:
        return
    other = "choose another generator (ARCH/DISCRIMINATOR)"
    judging = [entry for entry in recipe.penalties if entry.network == "discriminator"]
    teaching = [part.name for part in recipe.demanding if part.needs.labels and part not in judging]
    if teaching:
        raise GanzooError(
            f"{recipe}: {teaching[0]} asks the generator for a class that it is not told; "
            f"{'set generator.conditional=true' if makes else other}"
        )
    if discriminator.conditional:
        ways = ["set generator.conditional=true"] * makes + ["set discriminator.conditional=false"] * judges
        raise GanzooError(
            f"{recipe}: the discriminator is told the class of an image, but the generator is not, so every fake has a "
            f"random one; {', or '.join(ways) or other}"
        )


def _check_shapes(recipe: Recipe, generator: Generator, discriminator: Discriminator, image: ImageSpec) -> None:
    """Check the shapes that the interfaces require, on a batch of two, so that a plugin's mistake is reported early."""
    images = torch.zeros(2, image.channels, image.size, image.size)
    labels = torch.zeros(2, dtype=torch.int64) if image.classes else None
    made = _evaluated(generator, generator, torch.zeros(2, generator.latent_dim), labels).shape
    if made != images.shape:
        raise GanzooError(f"{recipe.generator.name}: the generator makes {tuple(made)}, expected {tuple(images.shape)}")
    _check_outputs(recipe, _evaluated(discriminator, discriminator.outputs, images, labels), image)


def _check_outputs(recipe: Recipe, outputs: DiscriminatorOutputs, image: ImageSpec) -> None:
    name, logits = recipe.discriminator.name, tuple(outputs.logits.shape)
    by_patch = len(logits) > 1 and logits[0] == 2 and outputs.logits.numel() > 2
    refusing = [rule.name for rule in recipe.rules if not rule.patches]
    if by_patch and refusing:
        raise GanzooError(
            f"{recipe}: the discriminator of {name} gives {logits}, a logit for each patch, but "
            f"{' and '.join(refusing)} take{'s' if len(refusing) == 1 else ''} one for each image, (2,); "
            "choose another loss or penalty"
        )
    if not by_patch and logits != (2,):
        raise GanzooError(f"{name}: the discriminator gives {logits}, expected one logit each, (2,)")
    if missing := outputs.lacks(recipe.needs.outputs):
        asking = [rule.name for rule in recipe.demanding if set(missing) & set(rule.needs.outputs)]
        raise GanzooError(
            f"{recipe}: {' and '.join(asking)} need{'s' if len(asking) == 1 else ''} {' and '.join(missing)} from the "
            f"discriminator, which that of {name} does not give; choose another architecture (ARCH/DISCRIMINATOR)"
        )
    if "classes" in recipe.needs.outputs and outputs.classes is not None:
        expected = (2, image.classes)
        if (found := tuple(outputs.classes.shape)) != expected:
            raise GanzooError(f"{name}: the discriminator's class logits are {found}, expected {expected}")


def _check_per_sample(recipe: Recipe, discriminator: Discriminator, image: ImageSpec) -> None:
    """Check that the first logit does not change if the other images of a batch change."""
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
        asking = [part.name for part in recipe.demanding if part.needs.per_sample]
        raise GanzooError(
            f"{recipe}: the discriminator of {recipe.discriminator.name} mixes the samples of a batch, "
            f"which {' and '.join(asking)} forbid{'s' if len(asking) == 1 else ''}; "
            "turn batch statistics off or choose another loss"
        )


def _evaluated(network: nn.Module, method: Callable[..., T], *inputs: Tensor | None) -> T:
    """Call a network, or a method of it, in evaluation mode; then set it to training mode."""
    network.eval()
    output = method(*inputs)
    network.train()
    return output
