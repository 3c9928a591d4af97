"""The first table of the leaderboard: the best row per architecture and loss, for one protocol and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import protocol_labels, score_title, seeds

TITLE = "The best of each combination"


@dataclass(frozen=True)
class Overview:
    """The rows of one group and budget, by architecture and loss.

    label: data, protocol and budget in short. cells: the rows of each architecture and loss, the best first.
    architectures, losses: ordered by their best score; those without a score last.
    """

    group: Group
    budget: str
    label: str
    cells: dict[tuple[str, str], list[Row]]
    architectures: list[str]
    losses: list[str]

    @property
    def combinations(self) -> int:
        """The number of cells with a score."""
        return sum(self.group.ranked(rows[0]) is not None for rows in self.cells.values())

    @property
    def caption(self) -> str:
        """The caption of the table, in one sentence."""
        ranking = self.group.ranking
        direction = f" ({ranking.direction})" if ranking else ""
        return f"Mean {score_title(self.group)} over seeds{direction}, {self.label}"

    def shade(self, row: Row) -> float:
        """Return the shade of a cell by rank: from 1 for the best to 0 for the worst.

        It is 0 without a score, and 0 if there are fewer than two different scores.
        """
        places = sorted({self.group.place(rows[0]) for rows in self.cells.values() if self.group.ranked(rows[0])})
        if not self.group.ranked(row) or len(places) < 2:
            return 0.0
        return 1 - places.index(self.group.place(row)) / (len(places) - 1)

    def note(self, rows: Sequence[Row]) -> str:
        """Return the number of seeds of a cell's best row, and the number of the cell's rows if there are several."""
        more = f", best of {len(rows)} rows" if len(rows) > 1 else ""
        return f"{seeds(self.group.ranked(rows[0]))}{more}"


def overviews(report: Report) -> list[Overview]:
    """Return a table for each group and budget that has a score.

    The first table is the one with the most combinations; among equals, the one with the most generated images, then
    the first on the page. Older groups have tables only if there are no others.
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
    """Return the overview of rows. ``rows`` are ordered by score, so architectures, losses and cells are too."""
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.architecture, row.loss), []).append(row)
    architectures = list(dict.fromkeys(row.architecture for row in rows))
    losses = list(dict.fromkeys(row.loss for row in rows))
    return Overview(group, budget, label, cells, architectures, losses)
