"""The data of a group's charts, with an entry for each machine of a row, and the captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ganzoo.bench.leaderboard.board import Group
from ganzoo.bench.leaderboard.machines import Machine, Runs
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import score_title
from ganzoo.bench.record import Record


def chart_data(group: Group, row: Row, number: int, front: Sequence[Machine]) -> list[dict[str, Any]]:
    """Return the entries of one row, one per machine. number: the row's number on the page.

    In an entry, "mean" is the mean of the row and "score" that of the machine.
    """
    mean = group.ranked(row)
    entries = []
    for machine in row.machines:
        found = group.ranked(machine)
        timed = machine.alone and machine.minutes is not None
        entries.append({
            "id": number,
            "recipe": row.first.recipe,
            "architecture": row.architecture,
            "loss": row.loss,
            "budget": row.budget,
            "hardware": machine.hardware,
            "machine": machine.device,
            "mean": mean.mean if mean else None,
            "score": found.mean if found else None,
            "deviation": found.deviation if found else None,
            "seeds": found.count if found else 0,
            "minutes": machine.minutes.mean if timed and machine.minutes else None,
            "front": machine in front,
            "points": _points(group, machine),
        })  # fmt: skip
    return entries


def _points(group: Group, machine: Machine) -> list[dict[str, Any]]:
    """Return the scores of each run that was scored more than once; times are None if other runs shared the machine."""
    return [
        {"seed": record.seed, "kimg": point.kimg, "minutes": point.seconds / 60 if machine.alone else None,
         "score": point.value, "fakes": point.fakes}
        for record in _scored_repeatedly(group, machine) for point in record.points
    ]  # fmt: skip


def _scored_repeatedly(group: Group, runs: Runs) -> list[Record]:
    """Return the runs that have the group's ranking and were scored more than once."""
    return [record for record in runs.done if record.ranking == group.ranking and len(record.points) > 1]


def figures(group: Group) -> Iterator[dict[str, str]]:
    """Yield the name, title and caption of each chart of a group."""
    crowded, title = sum(not machine.alone for machine in group.machines), score_title(group)
    without = f" Left out: {crowded} trained side by side." if crowded else ""
    if sum(one.alone and group.ranked(one) is not None and one.minutes is not None for one in group.machines) > 1:
        words = f"Dashes: the Pareto front of each class of hardware. Bars: ± deviation.{without}"
        yield {"chart": "time", "title": f"{title} against training time", "words": words}
    if group.ranking and len({(row.architecture, row.loss) for row in group.rows}) > 1:
        words = f"The best mean {title} of the rows shown."
        yield {"chart": "matrix", "title": "Architecture × loss", "words": words}
    points = [point for row in group.rows for record in _scored_repeatedly(group, row) for point in record.points]
    if points:
        counts = " or ".join(f"{count:,}" for count in sorted({point.fakes for point in points}))
        lower = group.ranking is not None and group.ranking.lower_is_better
        end = " The axis ends at 1.5 times the worst final value." if lower else ""
        note = f" Over training time: {crowded} trained side by side left out." if crowded else ""
        words = f"On {counts} generated images, a line for each seed; a click in the legend picks a recipe.{end}{note}"
        yield {"chart": "curve", "title": f"{title} during training", "words": words}
