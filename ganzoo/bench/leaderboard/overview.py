"""The table that the leaderboard opens with: architecture x loss under one protocol and budget, the best of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import protocol_labels, score_title, seeds

TITLE = "The best of each combination"


@dataclass(frozen=True)
class Overview:
    """Rows of one group and budget, by architecture and loss, the best row of each first.

    architectures, losses: in the order of their best score; those without one last. label: data, protocol and budget
    in short.
    """

    group: Group
    budget: str
    label: str
    cells: dict[tuple[str, str], list[Row]]
    architectures: list[str]
    losses: list[str]

    @property
    def combinations(self) -> int:
        """Architectures with losses that have a score."""
        return sum(self.group.ranked(rows[0]) is not None for rows in self.cells.values())

    @property
    def caption(self) -> str:
        """What the table shows, in one sentence."""
        ranking = self.group.ranking
        direction = f" ({ranking.direction})" if ranking else ""
        return f"Mean {score_title(self.group)} over seeds{direction}, {self.label}"

    def shade(self, row: Row) -> float:
        """From 1 for the best cell to 0 for the worst, by rank; 0 without a score."""
        places = sorted({self.group.place(rows[0]) for rows in self.cells.values() if self.group.ranked(rows[0])})
        if not self.group.ranked(row) or len(places) < 2:
            return 0.0
        return 1 - places.index(self.group.place(row)) / (len(places) - 1)

    def note(self, rows: Sequence[Row]) -> str:
        """How many seeds the best row of a cell has, and how many rows it is the best of."""
        more = f", best of {len(rows)} rows" if len(rows) > 1 else ""
        return f"{seeds(self.group.ranked(rows[0]))}{more}"


def overviews(report: Report) -> list[Overview]:
    """Return a table for each group and budget with a score, the one to open with first.

    That is the table with the most combinations; of several the one with the most generated images, then the first on
    the page. Older groups have tables only if there are no others.
    """
    groups = report.groups or report.older
    labels = protocol_labels(report.all_groups)[: len(groups)] if report.groups else protocol_labels(groups)
    found = []
    for group, label in zip(groups, labels, strict=True):
        budgets: dict[str, list[Row]] = {}
        for row in group.rows:
            budgets.setdefault(row.budget, []).append(row)
        found += [_overview(group, budget, f"{group.data}, {label}, {budget}", rows)
                  for budget, rows in budgets.items()]  # fmt: skip
    scored = [one for one in found if one.combinations]
    if not scored:
        return []
    first = max(scored, key=lambda one: (one.combinations, one.group.fakes))
    return [first, *(one for one in scored if one is not first)]


def _overview(group: Group, budget: str, label: str, rows: Sequence[Row]) -> Overview:
    """Rows come in the order of their scores, so that of each architecture, loss and cell the best comes first."""
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.architecture, row.loss), []).append(row)
    architectures = list(dict.fromkeys(row.architecture for row in rows))
    losses = list(dict.fromkeys(row.loss for row in rows))
    return Overview(group, budget, label, cells, architectures, losses)
