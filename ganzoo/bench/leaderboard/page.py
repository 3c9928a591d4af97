"""The leaderboard as one page that needs no network. Records are foreign input: all of theirs is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from string import Template
from typing import Any

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.charts import specifications
from ganzoo.bench.leaderboard.published import Figure, Published
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.samples import data_uri
from ganzoo.bench.leaderboard.wording import (
    COSTS,
    NONE,
    Column,
    notes,
    protocol_in_words,
    protocol_labels,
    score_columns,
    score_text,
    score_title,
    seeds,
)
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.html import as_json, asset, copying, libraries, palette, text

FIXED = 7  # columns beside scores and costs: rank, recipe, score, samples, budget, hardware, command


def to_page(report: Report) -> str:
    """The whole file. Raises GanzooError where Altair is not installed, or a sample grid is no picture."""
    labels = protocol_labels(report.groups)
    rows: list[dict[str, Any]] = []
    sections = [_group(group, label, rows) for group, label in zip(report.groups, labels, strict=True)]
    own = partial(asset, "ganzoo.bench.leaderboard")
    return Template(own("page.html")).substitute(
        style=palette() + own("page.css"),
        script=own("page.js") + copying(),
        notes="\n".join(f"<p>{text(line)}</p>" for line in notes(report)),
        filters="\n".join(_filters(report.groups, labels)),
        groups="\n".join(sections),
        elsewhere=_elsewhere(report.elsewhere),
        omitted=_omitted(report.omitted),
        charts=as_json(specifications([group.ranking for group in report.groups if group.ranking])),
        rows=as_json(rows),
        libraries=libraries(),
    )


def _filters(groups: Sequence[Group], labels: Sequence[str]) -> Iterable[str]:
    rows = [row for group in groups for row in group.rows]
    choices = {
        "data": [group.data for group in groups],
        "protocol": labels,
        "hardware": sorted(row.hardware for row in rows),
        "budget": [row.budget for row in sorted(rows, key=lambda row: (row.budget[-1], row.first.budget.minutes or 0,
                                                                       row.first.budget.kimg))],
    }  # fmt: skip
    for name, values in choices.items():
        options = "".join(f'<option value="{text(value)}">{text(value)}</option>' for value in dict.fromkeys(values))
        yield (
            f'<div><label for="filter-{name}">{name.capitalize()}</label>'
            f'<select id="filter-{name}" name="{name}"><option value="">all</option>{options}</select></div>'
        )


def _group(group: Group, label: str, rows: list[dict[str, Any]]) -> str:
    """A section: table and charts. What the charts draw is added to ``rows``; a table row's id is its place there."""
    columns = score_columns(group)
    front = group.front
    lines = []
    for row in group.rows:
        lines.append(_row(group, row, columns, {"id": len(rows), "data": group.data, "protocol": label}, row in front))
        rows.append(_chart_data(group, row, len(rows), row in front))
    width = FIXED + len(columns) + len(COSTS)
    for published in group.published:
        attributes = _data({"data": group.data, "protocol": label})
        lines += [_published(published, figure, attributes, first=NONE, width=width) for figure in published.figures]
    score = group.ranking.value if group.ranking else ""
    return (
        f'<section class="group" data-score="{text(score)}"><h2>{text(group.data)}</h2>'
        f'<p class="protocol">{text(protocol_in_words(group))}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Rows of {text(group.data)}"><table>'
        f"{_head(group, columns)}<tbody>{''.join(lines)}</tbody></table></div>"
        f'<div class="charts">{"".join(_figures(group))}</div></section>'
    )


def _head(group: Group, columns: Sequence[Column]) -> str:
    def button(name: str, title: str = "", kind: str = "", order: str = "none") -> str:
        of_kind = f' class="{kind}"' if kind else ""
        return f'<th scope="col" aria-sort="{order}"{of_kind}><button title="{text(title)}">{name}</button></th>'

    direction = f"{group.ranking.direction}; " if group.ranking else ""
    cells = [
        button("#", f"rank in the group, by {score_title(group)}", order="ascending"),
        button("Recipe", kind="text"),
        button(text(score_title(group)), f"{direction}mean ± sample deviation over seeds"),
        '<th scope="col">Samples</th>',
        *(button(text(column.name), column.title) for column in (*columns, *COSTS)),
        button("Budget", "what was given to each", kind="text"),
        button("Hardware", kind="text"),
        '<th scope="col" class="text">Command</th>',
    ]
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _row(group: Group, row: Row, columns: Sequence[Column], attributes: dict[str, Any], front: bool) -> str:
    rank, first = group.rank(row), row.first
    badges = [_badge(mark) for mark in row.marks]
    if front:
        badges.insert(0, _badge("Pareto front", "front"))
    if not row.done:
        badges.insert(0, _badge(f"failed: {row.reason}", "bad"))
    best = ' class="best"' if rank == 1 else ""
    found = group.ranked(row)
    score = f"{score_text(group, row)} <small>{seeds(found)}</small>" if found else NONE
    cells = [
        f'<td data-value="{rank or ""}">{rank or NONE}</td>',
        f'<th scope="row" data-value="{text(first.recipe)}">{_recipe(first.recipe)}<br>{"".join(badges)}</th>',
        f'<td data-value="{found.mean if found else ""}"{best}>{score}</td>',
        f"<td>{_thumbnail(row)}</td>",
        *(_cell(column, row) for column in (*columns, *COSTS)),
        f'<td class="text" data-value="{text(row.budget)}">{text(row.budget)}</td>',
        f'<td class="text" data-value="{text(row.hardware)}" title="{text(first.hardware.device)}">'
        f"{text(row.hardware)}</td>",
        '<td class="text"><div class="command"><button class="copy">copy</button>'
        f'<code title="{text(first.command)}">{text(first.command)}</code></div></td>',
    ]
    filtered = _data({**attributes, "hardware": row.hardware, "budget": row.budget})
    return f"<tr {filtered}>{''.join(cells)}</tr>"


def _cell(column: Column, row: Row) -> str:
    value = column.value(row)
    mean, _, deviation = column.text(row).partition(" ± ")
    below = f"<small>± {text(deviation)}</small>" if deviation else ""
    return f'<td data-value="{"" if value is None else value}">{text(mean)}{below}</td>'


def _recipe(recipe: str) -> str:
    """Broken between its parts alone."""
    first, *rest = recipe.split("+")
    parts = [first, *(f"+{part}" for part in rest)]
    return "<wbr>".join(f'<span class="part">{text(part)}</span>' for part in parts)


def _badge(content: str, kind: str = "") -> str:
    return f'<span class="badge {kind}">{text(content)}</span>'


def _data(attributes: Mapping[str, Any]) -> str:
    return " ".join(f'data-{name}="{text(value)}"' for name, value in attributes.items())


def _thumbnail(row: Row) -> str:
    if row.samples is None:
        return NONE
    file, record = row.samples
    words = text(f"{record.recipe} on {record.data}, seed {record.seed}")
    source = data_uri(file.parent / str(record.samples))
    return f'<button class="thumb" title="Enlarge"><img src="{source}" alt="{words}"></button>'


def _published(published: Published, figure: Figure, attributes: str, *, first: str, width: int) -> str:
    """A row of another's figure: in the table, but unlike the rows that were trained here."""
    note = ". ".join(filter(None, (published.origin, published.protocol, published.note, figure.note)))
    return (
        f'<tr class="published" {attributes}><td>{text(first)}</td>'
        f'<th scope="row" data-value="{text(figure.system)}">{text(figure.system)}<br>{_badge("published")}</th>'
        f'<td data-value="{figure.value}">{figure.text}</td>'
        f'<td class="source" colspan="{width - 3}"><div>{text(note)}</div></td></tr>'
    )


def _elsewhere(published: Sequence[Published]) -> str:
    if not published:
        return ""
    titles = {Ranking(figure.name).title for group in published for figure in group.figures}
    names = ("Data", "System", text(" / ".join(sorted(titles))), "Source")
    head = "".join(f'<th scope="col" class="text">{name}</th>' for name in names)
    lines = [
        _published(group, figure, _data({"data": group.data}), first=group.data, width=4)
        for group in published
        for figure in group.figures
    ]
    return (
        '<section id="elsewhere"><h2>Published under other protocols</h2>'
        '<p class="protocol">Not comparable with any row above.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Published under other protocols"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></section>"
    )


def _omitted(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<section id="warnings"><h2>Warnings</h2><ul>{items}</ul></section>'


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


def _figures(group: Group) -> Iterable[str]:
    def figure(chart: str, title: str, words: str, choice: str = "") -> str:
        return (
            f'<figure data-chart="{chart}"><figcaption><strong>{title}</strong> {choice}<small>{words}</small>'
            f'</figcaption><div class="chart"></div></figure>'
        )

    crowded, title = sum(not row.alone for row in group.rows), text(score_title(group))
    without = f" Left out: {crowded} trained side by side." if crowded else ""
    if sum(row.alone and group.ranked(row) is not None and row.minutes is not None for row in group.rows) > 1:
        words = f"Dashes: the Pareto front of each class of hardware. Bars: ± deviation.{without}"
        yield figure("time", f"{title} against training time", words)
    if len({(row.architecture, row.loss) for row in group.rows}) > 1:
        yield figure("matrix", "Architecture × loss", f"The best mean {title} of the rows shown.")
    points = [point for row in group.rows for record in row.done for point in record.points]
    if points:
        counts = " or ".join(f"{count:,}" for count in sorted({point.fakes for point in points}))
        choice = (
            '<select aria-label="Horizontal axis"><option value="curve-kimg">over pictures shown</option>'
            '<option value="curve-minutes">over training time</option></select>'
        )
        note = f" Over training time: {crowded} trained side by side left out." if crowded else ""
        words = f"On {counts} generated pictures, a line for each seed; a click in the legend picks a recipe.{note}"
        yield figure("curve", f"{title} on the way", words, choice)
