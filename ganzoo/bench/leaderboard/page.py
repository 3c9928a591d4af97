"""Render the leaderboard as a single HTML page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.chart_data import chart_data, figures
from ganzoo.bench.leaderboard.charts import specifications
from ganzoo.bench.leaderboard.claims import claims
from ganzoo.bench.leaderboard.machines import Machine, Runs
from ganzoo.bench.leaderboard.overview import TITLE, Overview, overviews
from ganzoo.bench.leaderboard.published import Figure, Published
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.samples import data_uri
from ganzoo.bench.leaderboard.wording import (
    KIMG,
    MEMORY,
    MINUTES,
    NONE,
    OLDER_NOTE,
    OLDER_TITLE,
    PARAMETERS,
    SPEED,
    Column,
    each_seed,
    machine_names,
    notes,
    protocol_in_words,
    protocol_labels,
    score_columns,
    score_text,
    score_title,
    seed_texts,
    seeds,
)
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.html import libraries, render, trusted

FIXED = 9  # columns always shown: rank, combination, score, samples, kimg, minutes, budget, hardware, details
SHOWN = 3  # the most further score columns; the details show all scores


def to_page(report: Report) -> str:
    """Return the page as HTML. Raises GanzooError if a sample grid is not an image."""
    labels = protocol_labels(report.all_groups)
    chart_rows: list[dict[str, Any]] = []
    numbers = {id(row): place for place, row in enumerate(row for one in report.all_groups for row in one.rows)}
    groups = [_group(group, label, numbers, chart_rows)
              for group, label in zip(report.all_groups, labels, strict=True)]  # fmt: skip
    newer = len(report.groups)
    elsewhere = [(one.data, figure, one) for one in report.elsewhere for figure in one.figures]
    return str(
        render(
            "ganzoo.bench.leaderboard/page.html",
            title=TITLE,
            overviews=[_overview(one, numbers) for one in overviews(report)],
            notes=notes(report),
            filters=_filters(report.all_groups, labels),
            groups=groups[:newer],
            older=groups[newer:],
            older_title=OLDER_TITLE,
            older_note=OLDER_NOTE,
            elsewhere_score=" / ".join(sorted({Ranking(figure.name).title for _, figure, _ in elsewhere})),
            elsewhere=[(data, _figure(one, figure)) for data, figure, one in elsewhere],
            omitted=report.omitted,
            charts=specifications(group.ranking for group in report.all_groups if group.ranking),
            chart_rows=chart_rows,
            libraries=trusted(libraries()),
            none_given=NONE,
            fixed=FIXED,
        )
    )


def _filters(groups: Sequence[Group], labels: Sequence[str]) -> dict[str, list[str]]:
    """Return the distinct choices of each filter."""
    rows = [row for group in groups for row in group.rows]
    choices = {
        "data": [group.data for group in groups],
        "protocol": labels,
        "hardware": sorted(hardware for row in rows for hardware in row.hardware),
        "budget": [row.budget for row in sorted(rows, key=lambda row: (row.budget[-1], row.first.budget.minutes or 0,
                                                                       row.first.budget.kimg))],
    }  # fmt: skip
    return {name: list(dict.fromkeys(values)) for name, values in choices.items()}


def _overview(shown: Overview, numbers: Mapping[int, int]) -> dict[str, Any]:
    """Return a table of architecture x loss; each cell has the number of its best row."""
    group = shown.group

    def cell(rows: Sequence[Row]) -> dict[str, Any]:
        best, found = rows[0], group.ranked(rows[0])
        text, _, deviation = score_text(group, best).partition(" ± ")
        return {
            "number": numbers[id(best)],
            "text": "failed" if not best.done else text,
            "deviation": deviation,
            "note": shown.note(rows) if found else "",
            "shade": round(shown.shade(best), 3),
            "failed": not best.done,
        }

    lines = [(one, [cell(rows) if (rows := shown.cells.get((one, loss))) else None for loss in shown.losses])
             for one in shown.architectures]  # fmt: skip
    return {"label": shown.label, "caption": shown.caption, "losses": shown.losses, "lines": lines}


def _group(group: Group, label: str, numbers: Mapping[int, int], chart_rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the section of a group: table and charts. Append the data of its charts to ``chart_rows``."""
    scores = score_columns(group)
    columns = scores[:SHOWN]
    attributes = {"data": group.data, "protocol": label}
    front = group.front
    rows = []
    for row in group.rows:
        number = numbers[id(row)]
        rows.append(_row(group, row, columns, scores, {"id": number, **attributes}, front))
        chart_rows += chart_data(group, row, number, front)
    direction = f"{group.ranking.direction}; " if group.ranking else ""
    published = [_figure(one, figure) for one in group.published for figure in one.figures]
    return {
        "data": group.data,
        "protocol": protocol_in_words(group),
        "lower": bool(group.ranking and group.ranking.lower_is_better),
        "ranked": group.ranking.value if group.ranking else "",
        "score": score_title(group),
        "score_title": f"{direction}mean ± sample deviation over seeds",
        "columns": columns,
        "kimg": KIMG,
        "minutes": MINUTES,
        "costs": (MINUTES, SPEED, MEMORY),
        "attributes": attributes,
        "rows": rows,
        "claims": claims(group),
        "published": published,
        "figures": list(figures(group)),
    }


def _row(
    group: Group,
    row: Row,
    columns: Sequence[Column],
    scores: Sequence[Column],
    attributes: dict[str, Any],
    front: Sequence[Machine],
) -> dict[str, Any]:
    first, found = row.first, group.ranked(row)
    badges = [(mark, "") for mark in row.marks]
    if any(machine in front for machine in row.machines):
        badges.insert(0, ("Pareto front", "front"))
    if not row.done:
        badges.insert(0, (f"failed: {row.reason}", "bad"))
    part, *others = first.recipe.split("+")
    minutes = [machine.minutes.mean for machine in row.machines if machine.minutes]
    return {
        "number": attributes["id"],
        "attributes": {**attributes, "hardware": "|".join(row.hardware), "budget": row.budget},
        "rank": group.rank(row),
        "recipe": first.recipe,
        "parts": [part, *(f"+{other}" for other in others)],  # the page breaks lines only between parts
        "badges": badges,
        "score": {"value": found.mean if found else "", "shown": score_text(group, row), **_seeds(group, row)},
        "sample": _sample(row),
        "cells": [_cell(column, row) for column in columns],
        "kimg": _cell(KIMG, row),
        "fastest": min(minutes, default=""),
        "budget": row.budget,
        "machines": [_machine(group, machine, name, machine in front)
                     for machine, name in zip(row.machines, machine_names(row), strict=True)],
        "facts": [(column.name, column.title, column.text(row)) for column in (*scores, KIMG, PARAMETERS)],
        "command": first.command,
    }  # fmt: skip


def _seeds(group: Group, runs: Runs) -> dict[str, str]:
    """Return the number of seeds with their values, and the same values as a tooltip."""
    texts = seed_texts(group, runs)
    return {
        "seeds": ": ".join(filter(None, (seeds(group.ranked(runs)), each_seed(group, runs)))),
        "title": "; ".join(f"seed {seed}: {text}" for seed, text in texts),
    }


def _machine(group: Group, machine: Machine, name: str, front: bool) -> dict[str, Any]:
    """Return the seeds that one machine trained and their cost."""
    return {
        "name": name,
        "hardware": machine.hardware,
        "device": machine.device,
        "minutes": MINUTES.text(machine),
        "seeds": _seeds(group, machine)["title"] or NONE,
        "costs": [cost.text(machine) for cost in (MINUTES, SPEED, MEMORY)],
        "notes": [*([] if machine.alone else [machine.company]),
                  *(["on the Pareto front"] if front else [])],
    }  # fmt: skip


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
    """Return the row of a published figure."""
    return {
        "system": figure.system,
        "score": {"value": figure.value, "shown": figure.text},
        "note": ". ".join(filter(None, (published.origin, published.protocol, published.note, figure.note))),
    }
