"""One combination as plain data: all that a renderer draws and prints. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["fake", "real", "both"]  # the lane of a part: the images that pass through it
Tone = Literal["", "real", "fake", "formula", "strong"]
Learner = Literal["discriminator", "generator"]
LEARNERS: tuple[Learner, ...] = ("discriminator", "generator")


@dataclass(frozen=True)
class Line:
    """A line of a box or of a formula, and its colour."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Part:
    """A box. ``learner``: the update that changes its weights; "" if it has none."""

    key: str
    title: str
    side: Side
    lines: tuple[Line, ...]
    learner: Learner | Literal[""] = ""


@dataclass(frozen=True)
class Arrow:
    """An arrow from one part to another; its label is the shape of the data.

    gradients: the updates whose gradient flows back along it. side: the images it carries, if both parts see both
    kinds; otherwise the sides of the parts decide.
    """

    source: str
    target: str
    label: str
    gradients: tuple[Learner, ...] = ()
    side: Side = "both"


@dataclass(frozen=True)
class Curve:
    """A loss over one verdict, as points ``(verdict, loss)``, while the other verdict stays at 0."""

    verdict: str
    tone: Tone
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Update:
    """One step of one network: what it minimises, what it changes, and the titles along its gradient's path."""

    learner: Learner
    title: str
    formula: tuple[Line, ...]
    curves: tuple[Curve, ...]
    path: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One ``KEY=VALUE`` of this combination, as the command line takes it, and its meaning."""

    key: str
    value: str
    help: str


@dataclass(frozen=True)
class Section:
    """One part in words. ``name``: the registered part and its plugin; "" for a part of the core."""

    title: str
    name: str
    sentences: tuple[str, ...]
    paper: str = ""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class System:
    """A combination: the diagram, both updates, the order of a round, the settings and every part in words."""

    recipe: str
    command: str
    summary: str
    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    round: tuple[str, ...]
    updates: tuple[Update, ...]
    settings: tuple[Setting, ...]
    sections: tuple[Section, ...]

    def part(self, key: str) -> Part:
        """Return the part with this key."""
        return next(part for part in self.parts if part.key == key)
