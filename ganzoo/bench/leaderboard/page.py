"""Render the leaderboard as one page that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.charts import specifications
from ganzoo.bench.leaderboard.claims import claims
from ganzoo.bench.leaderboard.published import Figure, Published
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.samples import data_uri
from ganzoo.bench.leaderboard.wording import (
    COSTS,
    NONE,
    OLDER_NOTE,
    OLDER_TITLE,
    Column,
    each_seed,
    notes,
    protocol_in_words,
    protocol_labels,
    score_columns,
    score_text,
    score_title,
    seed_texts,
    seeds,
)
from ganzoo.errors import GanzooError
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.html import libraries, render, trusted

MISSING = "The page has no charts, which need Altair: pip install 'ganzoo[report]', then run this again"
FIXED = 7  # columns beside scores and costs: rank, recipe, score, samples, budget, hardware, command


def to_page(report: Report, say: Callable[[str], None] = lambda line: None) -> str:
    """Return the whole page; without charts if a package that draws them is not installed, which ``say`` is told.

    Raises GanzooError if a sample grid is not an image.
    """
    charts, scripts, missing = _charts(report)
    if missing:
        say(missing)
    labels = protocol_labels(report.all_groups)
    chart_rows: list[dict[str, Any]] = []
    groups = [_group(group, label, chart_rows) for group, label in zip(report.all_groups, labels, strict=True)]
    newer = len(report.groups)
    elsewhere = [(one.data, figure, one) for one in report.elsewhere for figure in one.figures]
    return str(
        render(
            "ganzoo.bench.leaderboard/page.html",
            notes=notes(report),
            filters=_filters(report.all_groups, labels),
            groups=groups[:newer],
            older=groups[newer:],
            older_title=OLDER_TITLE,
            older_note=OLDER_NOTE,
            elsewhere_score=" / ".join(sorted({Ranking(figure.name).title for _, figure, _ in elsewhere})),
            elsewhere=[(data, _figure(one, figure)) for data, figure, one in elsewhere],
            omitted=report.omitted,
            missing=missing,
            charts=charts,
            chart_rows=chart_rows,
            libraries=trusted(scripts),
            none_given=NONE,
            fixed=FIXED,
        )
    )


def _charts(report: Report) -> tuple[dict[str, Any], str, str]:
    """The charts' specifications and the script that draws them, or why there are none, in one line."""
    try:
        return specifications([group.ranking for group in report.all_groups if group.ranking]), libraries(), ""
    except GanzooError:
        return {}, "", MISSING


def _filters(groups: Sequence[Group], labels: Sequence[str]) -> dict[str, list[str]]:
    """The choices of each filter, each once."""
    rows = [row for group in groups for row in group.rows]
    choices = {
        "data": [group.data for group in groups],
        "protocol": labels,
        "hardware": sorted(row.hardware for row in rows),
        "budget": [row.budget for row in sorted(rows, key=lambda row: (row.budget[-1], row.first.budget.minutes or 0,
                                                                       row.first.budget.kimg))],
    }  # fmt: skip
    return {name: list(dict.fromkeys(values)) for name, values in choices.items()}


def _group(group: Group, label: str, chart_rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A section: table and charts. Add to ``chart_rows`` what the charts draw; a table row's id is its place there."""
    columns = [*score_columns(group), *COSTS]
    attributes = {"data": group.data, "protocol": label}
    front = group.front
    rows = []
    for row in group.rows:
        number = len(chart_rows)
        rows.append(_row(group, row, columns, {"id": number, **attributes}, row in front))
        chart_rows.append(_chart_data(group, row, number, row in front))
    direction = f"{group.ranking.direction}; " if group.ranking else ""
    return {
        "data": group.data,
        "protocol": protocol_in_words(group),
        "ranked": group.ranking.value if group.ranking else "",
        "score": score_title(group),
        "score_title": f"{direction}mean ± sample deviation over seeds",
        "columns": columns,
        "attributes": attributes,
        "rows": rows,
        "claims": claims(group),
        "published": [_figure(one, figure) for one in group.published for figure in one.figures],
        "figures": list(_figures(group)),
    }


def _row(group: Group, row: Row, columns: Sequence[Column], attributes: dict[str, Any], front: bool) -> dict[str, Any]:
    first, found = row.first, group.ranked(row)
    badges = [(mark, "") for mark in row.marks]
    if front:
        badges.insert(0, ("Pareto front", "front"))
    if not row.done:
        badges.insert(0, (f"failed: {row.reason}", "bad"))
    part, *others = first.recipe.split("+")
    return {
        "attributes": {**attributes, "hardware": row.hardware, "budget": row.budget},
        "rank": group.rank(row),
        "recipe": first.recipe,
        "parts": [part, *(f"+{other}" for other in others)],  # lines break between them alone
        "badges": badges,
        "score": {
            "value": found.mean if found else "",
            "shown": score_text(group, row),
            "seeds": ": ".join(filter(None, (seeds(found), each_seed(group, row)))),
            "title": "; ".join(f"seed {seed}: {text}" for seed, text in seed_texts(group, row)),
        },
        "sample": _sample(row),
        "cells": [_cell(column, row) for column in columns],
        "budget": row.budget,
        "hardware": row.hardware,
        "device": first.hardware.device,
        "command": first.command,
    }


def _cell(column: Column, row: Row) -> dict[str, Any]:
    value = column.value(row)
    mean, _, deviation = column.text(row).partition(" ± ")
    return {"value": "" if value is None else value, "mean": mean, "deviation": deviation}


def _sample(row: Row) -> dict[str, str] | None:
    if row.samples is None:
        return None
    file, record = row.samples
    return {
        "source": data_uri(file.parent / str(record.samples)),
        "words": f"{record.recipe} on {record.data}, seed {record.seed}",
    }


def _figure(published: Published, figure: Figure) -> dict[str, Any]:
    """A row of another's figure."""
    return {
        "system": figure.system,
        "score": {"value": figure.value, "shown": figure.text},
        "note": ". ".join(filter(None, (published.origin, published.protocol, published.note, figure.note))),
    }


def _chart_data(group: Group, row: Row, number: int, front: bool) -> dict[str, Any]:
    found = group.ranked(row)
    timed = row.alone and row.minutes is not None
    return {
        "id": number,
        "recipe": row.first.recipe,
        "architecture": row.architecture,
        "loss": row.loss,
        "budget": row.budget,
        "hardware": row.hardware,
        "score": found.mean if found else None,
        "deviation": found.deviation if found else None,
        "seeds": found.count if found else 0,
        "minutes": row.minutes.mean if timed and row.minutes else None,
        "front": front,
        "points": [
            {"seed": record.seed, "kimg": point.kimg, "minutes": point.seconds / 60 if row.alone else None,
             "score": point.value, "fakes": point.fakes}
            for record in row.done if record.ranking == group.ranking for point in record.points
        ],
    }  # fmt: skip


def _figures(group: Group) -> Iterator[dict[str, str]]:
    """Name, title and caption of each chart of a group."""
    crowded, title = sum(not row.alone for row in group.rows), score_title(group)
    without = f" Left out: {crowded} trained side by side." if crowded else ""
    if sum(row.alone and group.ranked(row) is not None and row.minutes is not None for row in group.rows) > 1:
        words = f"Dashes: the Pareto front of each class of hardware. Bars: ± deviation.{without}"
        yield {"chart": "time", "title": f"{title} against training time", "words": words}
    if len({(row.architecture, row.loss) for row in group.rows}) > 1:
        words = f"The best mean {title} of the rows shown."
        yield {"chart": "matrix", "title": "Architecture × loss", "words": words}
    points = [point for row in group.rows for record in row.done for point in record.points]
    if points:
        counts = " or ".join(f"{count:,}" for count in sorted({point.fakes for point in points}))
        note = f" Over training time: {crowded} trained side by side left out." if crowded else ""
        words = f"On {counts} generated images, a line for each seed; a click in the legend picks a recipe.{note}"
        yield {"chart": "curve", "title": f"{title} on the way", "words": words}
