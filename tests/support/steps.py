"""A single training step with SGD, on six random 8x8 images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ganzoo import ImageSpec
from ganzoo.config.resolve import resolve
from ganzoo.models.build import Model, build_model
from ganzoo.plugin.registry import Registry
from ganzoo.training.stats import Statistics
from ganzoo.training.step import TrainingStep

IMAGE = ImageSpec(1, 8)


def make_step(
    registry: Registry,
    recipe: str,
    settings: Sequence[str] = (),
    change: Callable[[Model], Model] = lambda model: model,
    **options: Any,
) -> tuple[TrainingStep, Model]:
    """Return the step of a recipe and its model. change: applied to the model first. options: passed to the step."""
    config = resolve(registry, recipe, None, settings)
    model = change(build_model(config, IMAGE))
    step = TrainingStep(
        generator=model.generator,
        discriminator=model.discriminator,
        loss=model.loss,
        generator_needs_real=config.recipe.loss.generator_needs_real,
        optimizer_g=torch.optim.SGD(model.generator.parameters(), lr=0.1),
        optimizer_d=torch.optim.SGD(model.discriminator.parameters(), lr=0.1),
        rng=torch.Generator().manual_seed(0),
        statistics=Statistics("cpu", config.recipe.loss.zero_is_border),
        augmentation=model.augmentation,
        **options,
    )
    return step, model


def weights(network: nn.Module) -> torch.Tensor:
    """Return a copy of all parameters of a network in one vector."""
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def real() -> torch.Tensor:
    """Return the six images, which are the same in every call."""
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
