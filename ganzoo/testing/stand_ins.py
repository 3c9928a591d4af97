"""A plugin with stand-ins for the parts that are not checked: minimal networks, the logistic loss, images of discs.

Only the kit loads it. With it, a loss can be checked without an architecture, and an architecture without a loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ganzoo import ArchitectureEntry, AugmentationEntry, DatasetEntry, ImageSpec, LossEntry, PenaltyEntry, hookimpl

DISTRIBUTION = "ganzoo-testing"
SHORT = "stand-in"
NAME = f"{DISTRIBUTION}:{SHORT}"  # the full name, which no other part has
SHORT_CONDITIONAL = "stand-in-conditional"
CONDITIONAL = f"{DISTRIBUTION}:{SHORT_CONDITIONAL}"
SHORT_PENALTIES: dict[Literal["discriminator", "generator"], str] = {
    "discriminator": "stand-in-decay-d", "generator": "stand-in-decay-g"
}  # fmt: skip
PENALTIES = {side: f"{DISTRIBUTION}:{short}" for side, short in SHORT_PENALTIES.items()}
SHORT_AUGMENTATION = "stand-in-blank"
AUGMENTATION = f"{DISTRIBUTION}:{SHORT_AUGMENTATION}"
PARTS = "ganzoo.testing.stand_in_parts"


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name=SHORT,
            summary="Two layers each way",
            generator=f"{PARTS}:StandInGenerator",
            discriminator=f"{PARTS}:StandInDiscriminator",
        )
    )
    register(
        ArchitectureEntry(
            name=SHORT_CONDITIONAL,
            summary="Two layers each way that require labels",
            generator=f"{PARTS}:ConditionalGenerator",
            discriminator=f"{PARTS}:ConditionalDiscriminator",
        )
    )


@hookimpl
def register_losses(register: Callable[[LossEntry], None]) -> None:
    register(LossEntry(name=SHORT, summary="The logistic loss", target=f"{PARTS}:StandInLoss", patches=True))


@hookimpl
def register_penalties(register: Callable[[PenaltyEntry], None]) -> None:
    for side, short in SHORT_PENALTIES.items():
        register(PenaltyEntry(name=short, summary="Weight decay", target=f"{PARTS}:StandInPenalty", network=side))


@hookimpl
def register_augmentations(register: Callable[[AugmentationEntry], None]) -> None:
    register(AugmentationEntry(name=SHORT_AUGMENTATION, summary="Blank images", target=f"{PARTS}:StandInAugmentation"))


@hookimpl
def register_datasets(register: Callable[[DatasetEntry], None]) -> None:
    register(
        DatasetEntry(
            name=SHORT,
            summary="Discs on a dark ground",
            target=f"{PARTS}:StandInSource",
            image=ImageSpec(channels=1, size=8),
        )
    )
