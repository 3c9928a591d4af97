"""Compare two combinations and describe the result as a table and a sentence: `ganzoo bench compare`."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from ganzoo.bench.bootstrap import RESAMPLES, Bootstrap, Means, bootstrap
from ganzoo.bench.seeds import INTERVAL, LEAST, LEVEL, Interval, holds, permutation, separated, welch
from ganzoo.bench.sides import Side
from ganzoo.errors import printable
from ganzoo.utils.text_table import aligned

NAMES = ("A", "B")
IMAGES, SEEDS, NONE = "bootstrap over generated images", "Welch over seeds", "none"


@dataclass(frozen=True)
class Comparison:
    """The result of comparing sides A and B.

    method: how the interval was computed. difference: the value of A minus that of B, means over seeds.
    interval: the interval of the difference; None if only one of the sides has a single seed.
    separate: whether all seeds of one side are better than all of the other; None if a side has a single seed.
    p: the p value of the exact permutation test over seeds; None if it was not computed.
    better: "A", "B", or None if no difference can be claimed.
    """

    a: Side
    b: Side
    method: str
    difference: float
    interval: Interval | None
    separate: bool | None = None
    p: float | None = None
    resampled: Bootstrap | None = None

    @property
    def better(self) -> str | None:
        if self.interval is None or not holds(self.interval, self.separate):
            return None
        return NAMES[(self.difference > 0) == self.a.ranking.lower_is_better]

    @property
    def sentence(self) -> str:
        """The claim and the reason for it."""
        if self.interval is None:
            return (
                f"No difference can be claimed: {NAMES[len(self.b.seeds) == 1]} has one seed, which does not show "
                "how much seeds differ."
            )
        if self.better is None:
            found = f"{INTERVAL} of A - B: {self._text(self.interval.low)} to {self._text(self.interval.high)}"
            if self.method == IMAGES:
                return f"No difference can be claimed: the draw of images can explain it ({found})."
            seeds = "the seeds separate, but the interval includes zero" if self.separate else "the seeds overlap"
            return f"No difference can be claimed: {seeds} ({found})."
        low, high = sorted(map(abs, (self.interval.low, self.interval.high)))
        title = printable(self.a.ranking.title)
        claim = (
            f"{self.better} is better by {self._text(abs(self.difference))} {title} "
            f"({INTERVAL} {self._text(low)} to {self._text(high)})"
        )
        if self.method == SEEDS:
            return f"{claim}: the seeds separate."
        return f"{claim}; the interval covers the draw of images, not other seeds."

    @property
    def text(self) -> str:
        """A small table, how the interval was computed, and the sentence."""
        rows = [["", "combination", "data", "kimg", printable(self.a.ranking.title), "seeds: values"]]
        for name, side in zip(NAMES, (self.a, self.b), strict=True):
            mean = self._text(statistics.fmean(side.values))
            deviation = f" ± {self._text(statistics.stdev(side.values))}" if len(side.values) > 1 else ""
            each = ", ".join(f"{seed.number}: {self._text(seed.value)}" for seed in side.seeds)
            texts = name, side.combination, side.data, f"{side.kimg:,.5g}", f"{mean}{deviation}", each
            rows.append([printable(text) for text in texts])
        return "\n".join([*aligned(rows), "", *self.details, self.sentence])

    def describe(self) -> dict[str, Any]:
        """Return the comparison as plain containers, for JSON."""
        found: dict[str, Any] = {
            "a": self.a.describe(),
            "b": self.b.describe(),
            "value": self.a.ranking.value,
            "lower_is_better": self.a.ranking.lower_is_better,
            "difference": self.difference,
            "method": self.method,
            "level": LEVEL,
            "interval": None if self.interval is None else [self.interval.low, self.interval.high],
            "degrees_of_freedom": None if self.interval is None else self.interval.degrees,
            "seeds_separate": self.separate,
            "permutation_p": self.p,
            "better": self.better,
            "sentence": self.sentence,
        }
        if self.resampled is not None:
            found["resamples"] = len(self.resampled.values)
            found["raised_by_resampling"] = list(self.resampled.biases)
        return found

    @property
    def details(self) -> list[str]:
        """The lines that describe how the interval was computed."""
        if self.resampled is not None:
            one, other = map(self._text, self.resampled.biases)
            count = len(self.resampled.values)
            return [f"{count} resamples of the generated images; resampling raised A by {one} and B by {other}."]
        if self.interval is None:
            return []
        lines = [f"Welch's interval, {self.interval.degrees:.1f} degrees of freedom."]
        if self.p is not None:
            lines.append(f"Exact permutation test of the means: p = {self.p:.2g}.")
        return lines

    def _text(self, value: float) -> str:
        return self.a.ranking.text(value)


def compare(a: Side, b: Side, means: Means, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two sides that share data and protocol.

    With one seed on each side, the generated images are made again, using ``means``, and resampled. With two or more
    seeds on each side, the interval comes from the seeds. Otherwise there is no interval. Raises GanzooError as
    :func:`ganzoo.bench.bootstrap.bootstrap` does.
    """
    difference = statistics.fmean(a.values) - statistics.fmean(b.values)
    few, many = sorted((len(a.seeds), len(b.seeds)))
    if many == 1:
        found = bootstrap((a, b), means, resamples, seed)
        return Comparison(a, b, IMAGES, difference, found.interval, resampled=found)
    if few < LEAST:
        return Comparison(a, b, NONE, difference, None)
    apart, p = separated(a.ranking, a.values, b.values), permutation(a.values, b.values)
    return Comparison(a, b, SEEDS, difference, welch(a.values, b.values), apart, p)
