"""The whole of one combination as plain data: what is drawn and what is said, whoever draws it. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["fake", "real", "both"]  # the lane of a part: which images pass through it
Tone = Literal["", "real", "fake", "formula", "strong"]
Learner = Literal["discriminator", "generator"]
LEARNERS: tuple[Learner, ...] = ("discriminator", "generator")


@dataclass(frozen=True)
class Line:
    """A line of a box or of a formula, and how it is coloured."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Part:
    """A box. ``learner``: the update that changes its weights; "" where it has none."""

    key: str
    title: str
    side: Side
    lines: tuple[Line, ...]
    learner: Learner | Literal[""] = ""


@dataclass(frozen=True)
class Arrow:
    """From one part to another, with what is handed over (a shape) as its label.

    gradients: the updates whose gradient comes back along it. side: the images it carries, between two parts that
    both see both kinds; elsewhere the parts' sides say it.
    """

    source: str
    target: str
    label: str
    gradients: tuple[Learner, ...] = ()
    side: Side = "both"


@dataclass(frozen=True)
class Curve:
    """A loss over one verdict, ``(verdict, loss)`` each, while the other verdict rests at 0."""

    verdict: str
    tone: Tone
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Update:
    """One step of one network: what it minimises, what it changes, and along which titles its gradient flows."""

    learner: Learner
    title: str
    formula: tuple[Line, ...]
    curves: tuple[Curve, ...]
    path: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One ``KEY=VALUE`` of this combination, to be changed on the command line, and what it means."""

    key: str
    value: str
    help: str


@dataclass(frozen=True)
class Section:
    """One part in words. ``name``: of the registered part and its plugin, "" for what the core brings."""

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
        """The part of that key."""
        return next(part for part in self.parts if part.key == key)
