"""Sentences on which row of a group is better than the next one, for both the Markdown and the page."""

from __future__ import annotations

from itertools import pairwise

from ganzoo.bench.leaderboard.board import Group
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import seed_texts
from ganzoo.bench.seeds import INTERVAL, LEAST, holds, separated, welch

ONE_SEED_EACH = "One seed each: no claim that one combination beats another."


def claims(group: Group) -> list[str]:
    """Return a line for each pair of neighbours among the rows with several seeds, and one for all rows with one seed.

    Empty for a group with fewer than two scored rows.
    """
    scored = [row for row in group.rows if group.ranked(row)]
    if len(scored) < 2:
        return []
    several = [row for row in scored if len(group.values(row)) >= LEAST]
    if not several:
        return [ONE_SEED_EACH]
    lines = [_claim(group, better, worse) for better, worse in pairwise(several)]
    if single := [_name(group, row) for row in scored if row not in several]:
        lines.append(f"One seed: no claim about {', '.join(single)}.")
    return lines


def _claim(group: Group, better: Row, worse: Row) -> str:
    ranking, one, other = group.ranking, group.values(better), group.values(worse)
    assert ranking is not None
    apart, interval = separated(ranking, one, other), welch(one, other)
    assert interval is not None
    first, second = _name(group, better), _name(group, worse)
    seeds = f"({_listed(group, better)} against {_listed(group, worse)})"
    found = f"the {INTERVAL} of the difference, {ranking.text(interval.low)} to {ranking.text(interval.high)},"
    if holds(interval, apart):
        return f"{first} is better than {second}: the seeds separate {seeds} and {found} excludes zero."
    reason = f"separate {seeds} but {found} includes zero" if apart else f"overlap {seeds}"
    return f"{first} and {second}: no difference can be claimed, the seeds {reason}."


def _name(group: Group, row: Row) -> str:
    return f"#{group.rank(row)} {row.first.recipe}"


def _listed(group: Group, row: Row) -> str:
    return ", ".join(text for _, text in seed_texts(group, row))
