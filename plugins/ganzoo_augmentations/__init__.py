"""Registers `diffaug` and `ada`, augmentations that keep the discriminator from memorising a small training set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import AugmentationEntry, hookimpl
from ganzoo.entries import above_zero, param

OPERATIONS = ("colour", "translation", "cutout")


@dataclass
class DiffAugParams:
    operations: list[str] = param(list(OPERATIONS), f"any of {', '.join(OPERATIONS)}")

    def __post_init__(self) -> None:
        unknown = [name for name in self.operations if name not in OPERATIONS]
        if unknown or not self.operations:
            raise ValueError(f"operations is {list(self.operations)}, must be any of {', '.join(OPERATIONS)}")


@dataclass
class ADAParams:
    target: float = param(0.6, "the strength grows while the mean sign of real logits is above this, else shrinks")
    kimg: float = param(500.0, "the least kimg in which the strength grows from 0 to 1")
    start: float = param(0.0, "the strength at the start of a run")
    blit: bool = param(True, "flips, quarter turns, shifts by whole pixels")
    geometry: bool = param(True, "scaling, rotation, stretching, shifts by parts of a pixel")
    colour: bool = param(True, "brightness, contrast, inversion, and of colour images hue and saturation")

    def __post_init__(self) -> None:
        if not -1 <= self.target <= 1:
            raise ValueError(f"target is {self.target}, must be from -1 to 1")
        above_zero(self, "kimg")
        if not 0 <= self.start <= 1:
            raise ValueError(f"start is {self.start}, must be from 0 to 1")
        if not (self.blit or self.geometry or self.colour):
            raise ValueError("blit, geometry and colour are all off: nothing would be augmented; turn one on")


@hookimpl
def register_augmentations(register: Callable[[AugmentationEntry], None]) -> None:
    register(
        AugmentationEntry(
            name="diffaug",
            summary="Colour, translation and cutout at a fixed strength",
            paper="Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738",
            target="ganzoo_augmentations.diffaug:DiffAug",
            params=DiffAugParams,
        )
    )
    register(
        AugmentationEntry(
            name="ada",
            summary="Geometry and colour with a probability that grows while the discriminator overfits",
            paper="Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676",
            target="ganzoo_augmentations.ada:ADA",
            params=ADAParams,
            reads_border=True,
        )
    )
