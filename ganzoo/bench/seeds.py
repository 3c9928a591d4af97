"""Statistics over the seeds of two combinations. This module does not import torch.

One side is better than the other if their seeds separate (each side has two or more, and every seed of one side is
better than every seed of the other) and Welch's interval of the difference excludes zero. The p value is that of the
exact permutation test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ganzoo.runs.ranking import Ranking

LEVEL = 0.95
INTERVAL = f"{LEVEL:.0%} interval".replace("%", " %")  # its name in sentences
LEAST = 2  # the fewest seeds on each side
MOST_SPLITS = 100_000  # with more, the permutation test takes seconds
STEPS = 400  # of Simpson's rule; the error is below 1e-9 here


@dataclass(frozen=True)
class Interval:
    """The confidence interval of a difference, at the level 0.95.

    degrees: the degrees of freedom.
    """

    low: float
    high: float
    degrees: float

    @property
    def without_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def separated(ranking: Ranking, one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether each side has two or more seeds and all seeds of one side are better than all of the other."""
    if min(len(one), len(other)) < LEAST:
        return False
    first, second = sorted((sorted(map(ranking.key, side)) for side in (one, other)), key=lambda side: side[0])
    return first[-1] < second[0]


def holds(interval: Interval, separate: bool | None) -> bool:
    """Return whether a difference can be claimed. separate: whether the seeds separate; None if seeds do not decide."""
    return interval.without_zero and separate is not False


def welch(one: Sequence[float], other: Sequence[float]) -> Interval | None:
    """Return Welch's interval for the mean of ``one`` minus that of ``other``; None if a side has fewer than two seeds.

    The interval is d ± t s with s² = v1/n1 + v2/n2 (v: sample variances). t is the quantile of Student's distribution
    with s⁴ / ((v1/n1)²/(n1 - 1) + (v2/n2)²/(n2 - 1)) degrees of freedom. See Welch 1947, Biometrika 34, 28-35; the
    degrees of freedom are Satterthwaite's (1946, Biometrics Bulletin 2, 110-114).
    """
    if min(len(one), len(other)) < LEAST:
        return None
    difference = statistics.fmean(one) - statistics.fmean(other)
    parts = [(statistics.variance(side) / len(side), len(side) - 1) for side in (one, other)]
    squared = sum(part for part, _ in parts)
    if squared == 0:  # the seeds of each side are equal: the formula gives 0/0 degrees
        return Interval(difference, difference, float(sum(degrees for _, degrees in parts)))
    freedom = 1 / sum((part / squared) ** 2 / degrees for part, degrees in parts)
    return around(difference, math.sqrt(squared), freedom)


def around(difference: float, error: float, degrees: float) -> Interval:
    """Return the interval ``difference ± t error`` for a standard error with ``degrees`` degrees of freedom."""
    reach = student(degrees) * error
    return Interval(difference - reach, difference + reach, degrees)


def permutation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return the two-sided p of the exact permutation test of the means.

    p is the share of all splits of the seeds into sides of these sizes whose means are at least as far apart as the
    observed ones. None if a side is empty or there are more than 100,000 splits.
    """
    pooled, size = [*one, *other], len(one)
    if not one or not other or math.comb(len(pooled), size) > MOST_SPLITS:
        return None
    total = math.fsum(pooled)

    def distance(side: Sequence[float]) -> float:
        share = math.fsum(side)
        return abs(share / size - (total - share) / (len(pooled) - size))

    # A tolerance, since the same split may be summed in another order; rounding errors are in proportion to the values.
    found = distance(one) - 1e-12 * max(map(abs, pooled))
    splits = [distance(side) >= found for side in combinations(pooled, size)]
    return sum(splits) / len(splits)


def student(degrees: float, level: float = LEVEL) -> float:
    """Return the t for which a Student variable lies between -t and t with probability ``level``.

    degrees: the degrees of freedom, 1 or more. With t = sqrt(degrees) tan(a) the density is proportional to
    cos(a)^(degrees - 1).
    """
    whole = math.sqrt(math.pi) * math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)) / 2
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _integral(middle, degrees - 1) < level * whole else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _integral(end: float, power: float) -> float:
    """Return the integral of cos(a)^power from 0 to ``end``, by Simpson's rule."""
    width = end / STEPS
    values = [math.cos(step * width) ** power for step in range(STEPS + 1)]
    return width / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))
