"""The value of a score that ranks runs and checkpoints, as the score itself says it. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ganzoo.utils.safe_yaml import is_number

RANKED_BY = "ranked_by"  # in the protocol of a score
ABBREVIATION = 3  # letters at most of a word that is written in capitals


@dataclass(frozen=True)
class Ranking:
    """value: its name among the values of a score. lower_is_better: its direction."""

    value: str
    lower_is_better: bool = True

    @property
    def title(self) -> str:
        """The value's name as a reader knows it: ``kid_mean`` is "KID mean"."""
        first, *rest = self.value.split("_")
        return " ".join([first.upper() if len(first) <= ABBREVIATION else first, *rest])

    @property
    def direction(self) -> str:
        return f"{'lower' if self.lower_is_better else 'higher'} is better"

    def of(self, values: Mapping[str, Any]) -> float | None:
        """The ranked value; None if it is not among them."""
        value = values.get(self.value)
        return float(value) if value is not None and is_number(value) else None

    def text(self, value: float, digits: int = 2) -> str:
        """A value for people, with digits enough for a share too."""
        return f"{value:.{digits}f}" if abs(value) >= 1 else f"{value:.{digits + 1}g}"

    def key(self, value: float) -> float:
        """Sort by this to have the best first."""
        return value if self.lower_is_better else -value

    def ratio(self, value: float, other: float) -> float:
        """How many times as bad ``value`` is as ``other``: below 1 it is better. 1 if that cannot be said."""
        if min(value, other) <= 0:
            return 1.0
        return value / other if self.lower_is_better else other / value

    def best(self, values: Iterable[float]) -> float:
        """The best of several. Raises ValueError for none."""
        return min(values, key=self.key)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def read_ranking(values: Any, protocol: Any) -> Ranking | None:
    """The ranking that a score's protocol names; None for a score without values.

    Scores from before protocols named it are ranked by their first value, lower is better.
    """
    names = [name for name in values if isinstance(name, str)] if isinstance(values, Mapping) else []
    said = protocol.get(RANKED_BY) if isinstance(protocol, Mapping) else None
    if isinstance(said, Mapping) and said.get("value") in names and isinstance(said.get("lower_is_better"), bool):
        return Ranking(said["value"], said["lower_is_better"])
    return Ranking(names[0]) if names else None


def ranked_value(values: Any, protocol: Any) -> tuple[Ranking, float] | None:
    """Return the ranking of a score with the value that it ranks by; None for a score without that value."""
    ranking = read_ranking(values, protocol)
    value = ranking.of(values) if ranking else None
    return None if ranking is None or value is None else (ranking, value)


def best_of(scores: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The best of several scores, oldest first, by the value that ranks the newest; None without any.

    Each has ``values`` and ``protocol``; those that lack the value are left out.
    """
    rankings = (read_ranking(score["values"], score["protocol"]) for score in reversed(scores))
    ranking = next(filter(None, rankings), None)
    if ranking is None:
        return None
    ranked = [(value, score) for score in scores if (value := ranking.of(score["values"])) is not None]
    return min(ranked, key=lambda found: ranking.key(found[0]))[1]
