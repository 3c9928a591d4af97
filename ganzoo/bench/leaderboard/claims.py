"""Sentences on which neighbouring rows of a group the seeds separate, for both the Markdown and the page."""

from __future__ import annotations

from itertools import pairwise

from ganzoo.bench.leaderboard.board import Group
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import seed_texts
from ganzoo.bench.seeds import LEAST, chance, separated

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
    assert group.ranking is not None
    one, other = group.values(better), group.values(worse)
    found = separated(group.ranking, one, other)
    figures = f"{_listed(group, better)} against {_listed(group, worse)}"
    by_chance = f"; equal combinations would separate with probability {chance(len(one), len(other)):.2g}"
    verdict = "separated" if found else "not separated"
    return f"{_name(group, better)} and {_name(group, worse)}: {verdict} ({figures}{by_chance if found else ''})."


def _name(group: Group, row: Row) -> str:
    return f"#{group.rank(row)} {row.first.recipe}"


def _listed(group: Group, row: Row) -> str:
    return ", ".join(text for _, text in seed_texts(group, row))
