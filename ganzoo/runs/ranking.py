"""The value of a score that ranks runs and checkpoints; the score itself names it. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ganzoo.utils.safe_yaml import is_number

RANKED_BY = "ranked_by"  # key in the protocol of a score
ABBREVIATION = 3  # most letters of a first word that is written in capitals


@dataclass(frozen=True)
class Ranking:
    """The value that ranks scores. value: its name among a score's values. lower_is_better: its direction."""

    value: str
    lower_is_better: bool = True

    @property
    def title(self) -> str:
        """The value's name for readers: ``kid_mean`` is "KID mean"."""
        first, *rest = self.value.split("_")
        return " ".join([first.upper() if len(first) <= ABBREVIATION else first, *rest])

    @property
    def direction(self) -> str:
        return f"{'lower' if self.lower_is_better else 'higher'} is better"

    def of(self, values: Mapping[str, Any]) -> float | None:
        """Return the ranking value out of a score's values; None if it is missing."""
        value = values.get(self.value)
        return float(value) if value is not None and is_number(value) else None

    def text(self, value: float, digits: int = 2) -> str:
        """Return a value as text for readers: fixed decimals from 1 up, significant digits below 1."""
        return f"{value:.{digits}f}" if abs(value) >= 1 else f"{value:.{digits + 1}g}"

    def words(self, value: float) -> str:
        """Return a value with its title, such as ``KID mean 0.02``."""
        return f"{self.title} {self.text(value)}"

    def key(self, value: float) -> float:
        """Return a sort key that puts the best value first."""
        return value if self.lower_is_better else -value

    def ratio(self, value: float, other: float) -> float:
        """Return how many times worse ``value`` is than ``other``; below 1 it is better. 1 if either is not above 0."""
        if min(value, other) <= 0:
            return 1.0
        return value / other if self.lower_is_better else other / value

    def best(self, values: Iterable[float]) -> float:
        """Return the best of several values. Raises ValueError if there are none."""
        return min(values, key=self.key)

    def to_dict(self) -> dict[str, Any]:
        """Return the ranking as JSON holds it."""
        return asdict(self)


def read_ranking(values: Any, protocol: Any) -> Ranking | None:
    """Return the ranking that a score's protocol names; None for a score without values.

    Without a valid ranking in the protocol, as in older scores, it is the first value, lower is better.
    """
    names = [name for name in values if isinstance(name, str)] if isinstance(values, Mapping) else []
    said = protocol.get(RANKED_BY) if isinstance(protocol, Mapping) else None
    if isinstance(said, Mapping) and said.get("value") in names and isinstance(said.get("lower_is_better"), bool):
        return Ranking(said["value"], said["lower_is_better"])
    return Ranking(names[0]) if names else None


def ranked_value(values: Any, protocol: Any) -> tuple[Ranking, float] | None:
    """Return a score's ranking and the value that ranks it; None if the score lacks that value."""
    ranking = read_ranking(values, protocol)
    value = ranking.of(values) if ranking else None
    return None if ranking is None or value is None else (ranking, value)


def comparable(scores: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the scores that were computed with the settings of the newest one. scores: oldest first.

    The extractor's mode may differ, as it does between scores during training and the last one. Older scores without
    their settings (``asked``) count as comparable.
    """
    asked = [{**given, "mode": None} if isinstance(given := one.get("asked"), Mapping) else None for one in scores]
    return [one for one, own in zip(scores, asked, strict=True) if own is None or asked[-1] in (None, own)]


def best_of(scores: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the best of several scores, given oldest first, by the value that ranks the newest; None without any.

    Each has ``values`` and ``protocol``. Scores that lack the value, or that were computed with other settings than the
    newest, are left out.
    """
    scores = comparable(scores)
    rankings = (read_ranking(score["values"], score["protocol"]) for score in reversed(scores))
    ranking = next(filter(None, rankings), None)
    if ranking is None:
        return None
    ranked = [(value, score) for score in scores if (value := ranking.of(score["values"])) is not None]
    return min(ranked, key=lambda found: ranking.key(found[0]))[1]
