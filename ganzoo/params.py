"""Dataclasses of parameters: fields with help texts and bounds. Plugins import these from :mod:`ganzoo.entries`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class NoParams:
    """For an entry without parameters."""


def param(default: Any, help: str) -> Any:
    """A dataclass field with its help text, shown by ``ganzoo info``."""
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return field(default=default, metadata={"help": help})


def at_least(params: object, bound: float, *names: str) -> None:
    """For a dataclass's ``__post_init__``: raise ValueError if one of these fields is below the bound; skip None."""
    for name in names:
        value = getattr(params, name)
        if value is not None and not value >= bound:
            raise ValueError(f"{name} is {value}, must be {bound:g} or more")


def above_zero(params: object, *names: str) -> None:
    """Raise ValueError if one of these fields is 0 or below; skip None."""
    for name in names:
        value = getattr(params, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}, must be above 0")


def marks_of(params: object) -> tuple[str, ...]:
    """Return what a reader must know of every score of a part with these parameters, such as data it has seen.

    A dataclass of parameters states this in ``marks``, an attribute or a property; the leaderboard shows it on the row.
    """
    return tuple(getattr(params, "marks", ()))


@dataclass
class PenaltyParams:
    """Every penalty's parameters start with these two."""

    weight: float = param(1.0, "factor of the penalty in the loss of the network it regularises")
    interval: int = param(1, "apply at every N-th step with N times the weight (lazy regularisation)")

    def __post_init__(self) -> None:
        at_least(self, 0, "weight")
        at_least(self, 1, "interval")
