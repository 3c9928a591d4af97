"""Dataclasses of parameters: fields with help texts and bounds. Plugins import these from :mod:`ganzoo.entries`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass
class NoParams:
    """The parameters of an entry that has none."""


def param(default: Any, help: str) -> Any:
    """Return a dataclass field with a help text, which ``ganzoo info`` shows."""
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return field(default=default, metadata={"help": help})


def at_least(params: object, bound: float, *names: str) -> None:
    """Raise ValueError if one of these fields is below the bound; skip None. For ``__post_init__`` of a dataclass."""
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


def finite(params: object, *names: str) -> None:
    """Raise ValueError if one of these fields is infinite or not a number; skip None."""
    for name in names:
        value = getattr(params, name)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, must be a finite number")


def marks_of(params: object) -> tuple[str, ...]:
    """Return the remarks that must accompany each score with these parameters, such as extra data that a part has seen.

    A dataclass of parameters returns them from ``marks``, an attribute or a property; the leaderboard shows them in the
    row. Empty without ``marks``.
    """
    return tuple(getattr(params, "marks", ()))


@dataclass
class PenaltyParams:
    """The parameters that all penalties share."""

    weight: float = param(1.0, "factor of the penalty in the loss of the network it regularises")
    interval: int = param(1, "apply at every N-th step with N times the weight (lazy regularisation)")

    def __post_init__(self) -> None:
        at_least(self, 0, "weight")
        finite(self, "weight")
        at_least(self, 1, "interval")
