"""Long lists in messages, and the names that a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def some_of(texts: Sequence[str], most: int) -> str:
    """Return the first ``most`` texts, separated by commas, and how many more there are."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return f"{', '.join(texts[:most])}{more}"


def did_you_mean(name: str, known: Iterable[str], most: int = 2, cutoff: float = 0.5) -> str:
    """Return a question with the nearest of the known names, as the end of a message; "" if none is near."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=cutoff)
    return f"; did you mean {' or '.join(near)}?" if near else ""
