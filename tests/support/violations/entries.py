"""Entries of parts, by default of good parts, and the plugin that registers them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import click

from ganzoo import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    ImageSpec,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    hookimpl,
)
from ganzoo.entries import Entry
from ganzoo.plugin.registry import REGISTRATION
from ganzoo.testing.stand_in_parts import StandInDiscriminator, StandInGenerator, StandInLoss
from support.violations import augmentations, data, penalties, steps


def target_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__name__}"


def architecture(generator: type = StandInGenerator, discriminator: type = StandInDiscriminator, **facts: Any) -> Entry:
    return ArchitectureEntry(
        name="bad-architecture",
        summary="a pair",
        generator=target_of(generator),
        discriminator=target_of(discriminator),
        **facts,
    )


def loss(cls: type = StandInLoss, **facts: Any) -> Entry:
    return LossEntry(**{"name": "bad-loss", "summary": "a loss", "formula": "x", "target": target_of(cls), **facts})


def penalty(cls: type = penalties.GoodPenalty, **facts: Any) -> Entry:
    return PenaltyEntry(name="bad-penalty", summary="a penalty", formula="x", target=target_of(cls), **facts)


def augmentation(cls: type = augmentations.GoodAugmentation, **facts: Any) -> Entry:
    return AugmentationEntry(name="bad-augmentation", summary="an augmentation", target=target_of(cls), **facts)


def dataset(cls: type = data.GoodSource, **facts: Any) -> Entry:
    known = {"image": ImageSpec(1, 8), **facts}
    return DatasetEntry(name="bad-dataset", summary="a data set", target=target_of(cls), **known)


def metric(cls: type = data.GoodMetric, **facts: Any) -> Entry:
    known = {"name": "bad-metric", "summary": "a metric", "reads": "statistics", **facts}
    return MetricEntry(target=target_of(cls), **known)


def extractor(cls: type = data.GoodExtractor, **facts: Any) -> Entry:
    known = {"features": {"means": 3}, "weights": False, **facts}
    return ExtractorEntry(name="bad-extractor", summary="an extractor", target=target_of(cls), **known)


def step(cls: type = steps.SharedNoiseStep, **facts: Any) -> Entry:
    return StepEntry(name="bad-step", summary="a step", target=target_of(cls), **facts)


def optimizer(cls: type = steps.GoodOptimizer, **facts: Any) -> Entry:
    return OptimizerEntry(name="bad-optimizer", summary="an optimizer", target=target_of(cls), **facts)


ABSENT = 0  # not a function
not_a_command = "text"


@click.command()
def undescribed() -> None: ...


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def takes_anything(words: tuple[str, ...]) -> None:
    """Take unknown options as words."""


def fetch_anything(address: str) -> Path:
    return Path()


def command(name: str) -> CommandEntry:
    return CommandEntry(name="bad-command", summary="a command", target=f"{__name__}:{name}")


def plugin_of(*entries: Entry) -> ModuleType:
    """Return a plugin module that registers the entries."""
    module = ModuleType("violating")
    for hook, cls in REGISTRATION.items():
        own = [entry for entry in entries if isinstance(entry, cls)]

        def register_all(register: Any, own: list[Entry] = own) -> None:
            for entry in own:
                register(entry)

        if own:
            setattr(module, hook, hookimpl(register_all))
    return module
