"""What the seeds of two combinations say of their difference. No torch here.

Separation is what the leaderboard shows: with two seeds or more on each side, every seed of one side is better than
every seed of the other. The interval is Welch's, the p value that of the exact permutation test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ganzoo.runs.ranking import Ranking

LEVEL = 0.95
LEAST = 2  # seeds on each side
MOST_SPLITS = 100_000  # beyond these the permutation test takes seconds
STEPS = 400  # of Simpson's rule; its error is below 1e-9 here


@dataclass(frozen=True)
class Interval:
    """Of a difference, at the level 0.95; ``degrees`` of freedom."""

    low: float
    high: float
    degrees: float

    @property
    def without_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def separated(ranking: Ranking, one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether all seeds of one side are better than all of the other, with two seeds or more on each."""
    if min(len(one), len(other)) < LEAST:
        return False
    first, second = sorted((sorted(map(ranking.key, side)) for side in (one, other)), key=lambda side: side[0])
    return first[-1] < second[0]


def chance(one: int, other: int) -> float:
    """The probability that so many seeds on each side separate, either way round, if the combinations are equal."""
    return 2 / math.comb(one + other, one)


def welch(one: Sequence[float], other: Sequence[float]) -> Interval | None:
    """Welch's interval of the mean of ``one`` less that of ``other``; None for fewer than two seeds on a side.

    d ± t s with s² = v1/n1 + v2/n2 (v: sample variances), and t of Student's distribution with
    s⁴ / ((v1/n1)²/(n1 - 1) + (v2/n2)²/(n2 - 1)) degrees of freedom: Welch 1947, Biometrika 34, 28-35; the degrees are
    Satterthwaite's (1946, Biometrics Bulletin 2, 110-114).
    """
    if min(len(one), len(other)) < LEAST:
        return None
    difference = statistics.fmean(one) - statistics.fmean(other)
    parts = [(statistics.variance(side) / len(side), len(side) - 1) for side in (one, other)]
    squared = sum(part for part, _ in parts)
    if squared == 0:  # all seeds of a side are equal: the formula has 0/0 degrees
        return Interval(difference, difference, float(sum(degrees for _, degrees in parts)))
    freedom = 1 / sum((part / squared) ** 2 / degrees for part, degrees in parts)
    return around(difference, math.sqrt(squared), freedom)


def around(difference: float, error: float, degrees: float) -> Interval:
    """The interval ``difference ± t error`` for a standard error of so many degrees of freedom."""
    reach = student(degrees) * error
    return Interval(difference - reach, difference + reach, degrees)


def permutation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Two-sided p of the exact permutation test of the means: the share of all ways to split the seeds into sides of
    these sizes whose means are as far apart as those found. None beyond 100,000 ways.
    """
    pooled, size = [*one, *other], len(one)
    if not one or not other or math.comb(len(pooled), size) > MOST_SPLITS:
        return None
    total = math.fsum(pooled)

    def distance(side: Sequence[float]) -> float:
        share = math.fsum(side)
        return abs(share / size - (total - share) / (len(pooled) - size))

    found = distance(one) * (1 - 1e-12)  # the same split in another order of summation
    splits = [distance(side) >= found for side in combinations(pooled, size)]
    return sum(splits) / len(splits)


def student(degrees: float, level: float = LEVEL) -> float:
    """The t that Student's distribution of so many degrees, 1 or more, stays within at this level.

    With t = sqrt(degrees) tan(a) the density is cos(a)^(degrees - 1), up to its integral over the whole range.
    """
    whole = math.sqrt(math.pi) * math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)) / 2
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _integral(middle, degrees - 1) < level * whole else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _integral(end: float, power: float) -> float:
    """Of cos(a)^power from 0 to ``end``, by Simpson's rule."""
    width = end / STEPS
    values = [math.cos(step * width) ** power for step in range(STEPS + 1)]
    return width / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))
