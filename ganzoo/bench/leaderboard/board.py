"""Make a leaderboard from records: rows over seeds, in comparable groups, with matching published figures.

Only rows with the same data and protocol are ranked together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ganzoo.bench.leaderboard.machines import Machine, Runs, Spread
from ganzoo.bench.leaderboard.protocols import protocol_key
from ganzoo.bench.leaderboard.published import Published, read_published
from ganzoo.bench.leaderboard.rows import Row, make_rows
from ganzoo.bench.leaderboard.samples import check_samples
from ganzoo.bench.record import Record, is_older, readable_records
from ganzoo.errors import GanzooError
from ganzoo.runs.ranking import Ranking

Found: TypeAlias = tuple[Path, Record]
"""A record and its file."""


@dataclass
class Group:
    """Rows of one data set and protocol, which may be ranked together; the best first, unscored rows last."""

    data: str
    protocol: dict[str, Any]
    rows: list[Row]
    published: list[Published] = field(default_factory=list)

    @property
    def ranking(self) -> Ranking | None:
        """The ranking of most rows; None if no row has a score."""
        found = Counter(row.ranking for row in self.rows if row.ranking)
        return found.most_common(1)[0][0] if found else None

    def ranked(self, runs: Runs) -> Spread | None:
        """Return the ranking value over the seeds of a row, or of one of its machines; None if no seed has it."""
        return runs.score(self.ranking.value) if self.ranking else None

    def seeds(self, runs: Runs) -> list[tuple[int, float]]:
        """Return each seed that has the ranking value, with the value."""
        ranking = self.ranking
        return list(runs.by_seed(lambda record: ranking.of(record.scores)).items()) if ranking else []

    def values(self, runs: Runs) -> list[float]:
        """Return the ranking value of each seed that has it."""
        return [value for _, value in self.seeds(runs)]

    def place(self, runs: Runs) -> float:
        """Return the sort key that puts the best first and those without a value last."""
        found, ranking = self.ranked(runs), self.ranking
        return ranking.key(found.mean) if found and ranking else math.inf

    @property
    def fakes(self) -> int:
        """The number of generated images per score; 0 if the protocol does not give it."""
        found = self.protocol.get("fake_pictures")
        return found if isinstance(found, int) else 0

    def rank(self, row: Row) -> int | None:
        """Return the rank of a row, from 1; None if it has no ranking value."""
        return self.rows.index(row) + 1 if self.ranked(row) else None

    @property
    def machines(self) -> list[Machine]:
        """The machines of every row."""
        return [machine for row in self.rows for machine in row.machines]

    @property
    def front(self) -> list[Machine]:
        """The Pareto front of score and training time, for each class of hardware.

        Only machines that trained one combination at a time take part.
        """
        found = []
        for hardware in dict.fromkeys(machine.hardware for machine in self.machines):
            timed = [(machine.minutes.mean, self.place(machine), machine) for machine in self.machines
                     if machine.hardware == hardware and machine.alone and machine.minutes
                     and self.ranked(machine)]  # fmt: skip
            found += [timed[index][2] for index in pareto_front([point[:2] for point in timed])]
        return found


@dataclass
class Report:
    """The content of the leaderboard.

    elsewhere: published figures that match no group's protocol. demonstrations: the number of records left out as
    demonstrations. omitted: a line for each thing that is missing. older: the groups of the grids in the directory
    for older grids, separate from ``groups``.
    """

    groups: list[Group]
    elsewhere: list[Published]
    demonstrations: int
    omitted: list[str]
    older: list[Group] = field(default_factory=list)

    @property
    def all_groups(self) -> list[Group]:
        """All groups, the older ones last."""
        return [*self.groups, *self.older]


def read_report(results: Path, published: Path) -> Report:
    """Read every record under a directory, and the published figures if their file exists.

    A record that cannot be read or verified is left out and named in ``omitted``. Raises GanzooError if there is no
    record at all, or if the published figures cannot be read.
    """
    found: list[Found] = []
    omitted: list[str] = []
    for file, record in readable_records(results, lambda error: omitted.append(f"left out: {error}")):
        try:
            check_samples(file, record, results)
        except GanzooError as error:
            omitted.append(f"without samples: {error}")
            record.samples = None
        found.append((file, record))
    if not found:
        raise GanzooError(
            f"no record under {results}{f' ({omitted[0]})' if omitted else ''}; train with `ganzoo bench`"
        )
    figures = []
    if published.is_file():
        figures = read_published(published)
    else:
        omitted.append(f"no published figures: there is no {published}")
    newer = [pair for pair in found if not is_older(pair[0], results)]
    return make_report(newer, figures, omitted, older=[pair for pair in found if is_older(pair[0], results)])


def make_report(
    found: Sequence[Found], figures: Sequence[Published] = (), omitted: Sequence[str] = (), older: Sequence[Found] = ()
) -> Report:
    """Make the rows and groups of records; the records of ``older`` get groups of their own."""
    shown = {record.data for _, record in (*found, *older) if _demonstration(record)}
    report = Report([], [], 0, list(omitted))
    for records, groups in ((found, report.groups), (older, report.older)):
        # A failed run has no protocol. If its data has demonstrations, it would have been a demonstration too.
        kept = [(file, record) for file, record in records
                if not _demonstration(record) and not (record.status == "failed" and record.data in shown)]  # fmt: skip
        rows, repeated = make_rows(kept)
        groups += _groups(rows)
        report.omitted += repeated
        report.demonstrations += len(records) - len(kept)
    for group in report.all_groups:
        value = group.ranking.value if group.ranking else ""
        group.published = [figure for figure in figures if figure.matches(group.protocol, value)]
    placed = [figure for group in report.all_groups for figure in group.published]
    report.elsewhere = [figure for figure in figures if figure not in placed]
    return report


def pareto_front(points: Sequence[tuple[float, ...]]) -> list[int]:
    """Return the indices of the Pareto front of (time, score) points, ordered by time. Lower is better.

    A point is on the front if no other point is at least as good in both and better in one. Of equal points, only the
    first is.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda index: points[index]):
        if not front or points[index][1] < points[front[-1]][1]:
            front.append(index)
    return front


def _demonstration(record: Record) -> bool:
    return "demonstration" in record.marks or bool(record.protocol.get("demonstration"))


def _groups(rows: Sequence[Row]) -> list[Group]:
    groups: dict[tuple[str, str], Group] = {}
    unscored = []
    for row in rows:
        if not row.protocol:
            unscored.append(row)
            continue
        first = row.first
        groups.setdefault((first.data, protocol_key(row.protocol)), Group(first.data, row.protocol, [])).rows.append(
            row
        )
    for row in unscored:
        _home(row, groups).rows.append(row)
    for group in groups.values():
        places = {id(row): group.place(row) for row in group.rows}
        group.rows.sort(key=lambda row: (places[id(row)], row.first.recipe))
    return sorted(groups.values(), key=lambda group: (group.data, -group.fakes))


def _home(row: Row, groups: dict[tuple[str, str], Group]) -> Group:
    """Return the group for a row without a protocol: one with its data and number of fakes, preferably of its grid.

    If there is none, this is a new group without a protocol.
    """
    near = [group for group in groups.values() if group.data == row.first.data
            and _asked_fakes(row.first) in (None, group.fakes)]  # fmt: skip
    for group in near:
        if any(other.first.grid == row.first.grid for other in group.rows):
            return group
    return near[0] if near else groups.setdefault((row.first.data, ""), Group(row.first.data, {}, []))


def _asked_fakes(record: Record) -> Any:
    metrics = record.config.get("metrics")
    return metrics.get("fakes") if isinstance(metrics, dict) else None
