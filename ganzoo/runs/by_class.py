"""The per-class values of a score, as a run's files hold them. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganzoo.utils.safe_yaml import is_number

BY_CLASS = "by_class"  # a score's key, next to "values"


def read_by_class(score: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return a score's per-class values, keyed by the value's name and then the class's; {} if there are none.

    Damaged values are left out.
    """
    found = score.get(BY_CLASS)
    named = {str(name): figures for name, figures in found.items()} if isinstance(found, Mapping) else {}
    return {
        name: {str(of): float(value) for of, value in figures.items() if is_number(value)}
        for name, figures in named.items()
        if isinstance(figures, Mapping)
    }


__all__ = ["BY_CLASS", "read_by_class"]
