"""The leaderboard as Markdown. Records are untrusted input: their text is escaped, so that it is never markup."""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.claims import claims
from ganzoo.bench.leaderboard.overview import TITLE, Overview, overviews
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.bench.leaderboard.wording import (
    KIMG,
    MEMORY,
    MINUTES,
    NONE,
    OLDER_NOTE,
    OLDER_TITLE,
    PARAMETERS,
    SPEED,
    Cost,
    each_seed,
    machine_names,
    notes,
    protocol_in_words,
    score_columns,
    score_text,
    score_title,
    seed_texts,
    seeds,
)
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.files import one_line
from ganzoo.utils.markdown import PLAIN, code, table_row, text_cell

COMMANDS = "With the defaults of the version that made them; `ganzoo run --config RECORD` has all settings of a record."


def to_markdown(report: Report, place: Path) -> str:
    """Return the whole file. Links to sample grids are relative to the directory ``place``."""
    lines = ["# Leaderboard", "", *_opening(overviews(report)), *(f"{line}\n" for line in notes(report))]
    for group in report.groups:
        lines += _group(group, place)
    if report.elsewhere:
        lines += ["## Published under other protocols", "", "Not comparable with any row above.", ""]
        titles = {Ranking(figure.name).title for published in report.elsewhere for figure in published.figures}
        lines += [
            f"| *system* | *{text_cell(' / '.join(sorted(titles)))}* | *protocol* | *source* |",
            "| --- | --- | --- | --- |",
        ]
        for published in report.elsewhere:
            for figure in published.figures:
                note = "; ".join(filter(None, (published.note, figure.note)))
                texts = (figure.system, figure.text, published.protocol,
                         f"{published.origin}{f'. {note}' if note else ''}")  # fmt: skip
                lines.append(table_row([f"*{text_cell(text)}*" for text in texts]))
        lines.append("")
    if report.older:
        lines += [f"## {OLDER_TITLE}", "", OLDER_NOTE, ""]
        for group in report.older:
            lines += _group(group, place, "###")
    if report.omitted:
        lines += ["## Warnings", "", *(f"- {text_cell(line)}" for line in report.omitted), ""]
    return "\n".join(lines).rstrip() + "\n"


def _opening(found: list[Overview]) -> list[str]:
    """Return the lines of the table at the start of the file; empty without a score."""
    if not found:
        return []
    shown = found[0]
    lines = [f"## {TITLE}", "", f"{text_cell(shown.caption)}. Each cell has the best row of its combination.", ""]
    lines += [table_row(["", *map(code, shown.losses)]), table_row(["---"] * (len(shown.losses) + 1))]
    for architecture in shown.architectures:
        cells = [shown.cells.get((architecture, loss)) for loss in shown.losses]
        lines.append(table_row([code(architecture), *(_best(shown, rows) if rows else NONE for rows in cells)]))
    return [*lines, ""]


def _best(shown: Overview, rows: list[Row]) -> str:
    best, group = rows[0], shown.group
    if not best.done:
        return "failed"
    if not group.ranked(best):
        return NONE
    text = score_text(group, best)
    return f"{f'**{text}**' if shown.shade(best) == 1 else text} ({shown.note(rows)})"


def _group(group: Group, place: Path, level: str = "##") -> list[str]:
    scores = score_columns(group)
    costs = (KIMG, MINUTES, SPEED, MEMORY, PARAMETERS)
    columns = [text_cell(name) for name in (*(column.name for column in scores), *(column.name for column in costs))]
    names = ["#", "recipe", text_cell(score_title(group)), "seeds", *columns, "budget", "hardware", "marks", "samples"]
    lines = [f"{level} {text_cell(group.data)}", "", f"{text_cell(protocol_in_words(group))}.", ""]
    lines += [table_row(names), table_row(["---"] * len(names))]
    front = group.front
    for row in group.rows:
        rank = group.rank(row)
        marks = [*row.marks, *(["on the Pareto front"] if any(one in front for one in row.machines) else [])]
        if not row.done:
            marks.insert(0, f"failed: {row.reason}")
        lines.append(table_row([
            str(rank or NONE), code(row.first.recipe), score_text(group, row),
            ": ".join(filter(None, (seeds(group.ranked(row)).split(" ")[0], each_seed(group, row)))),
            *(column.text(row) for column in scores),
            *(_by_machine(row, cost) if isinstance(cost, Cost) else cost.text(row) for cost in costs),
            text_cell(row.budget), text_cell(_machines(group, row)), "; ".join(map(text_cell, marks)),
            _samples(row, place),
        ]))  # fmt: skip
    blank = [""] * (len(names) - 5)
    for published in group.published:
        for figure in published.figures:
            source = f"*{text_cell('. '.join(filter(None, (published.origin, figure.note))))}*"
            cells = ["*published*", f"*{text_cell(figure.system)}*", f"*{figure.text}*", *blank, source, ""]
            lines.append(table_row(cells))
    told = [f"*{text_cell(p.origin)}*: {text_cell(p.note)}." for p in group.published if p.note]
    lines += ["", *(f"{line}\n" for line in told), *(f"- {text_cell(line)}" for line in claims(group)), ""]
    lines += ["<details><summary>Commands</summary>", "", COMMANDS, ""]
    lines += [f"    {one_line(row.first.command)}" for row in group.rows]
    return [*lines, "", "</details>", ""]


def _by_machine(row: Row, cost: Cost) -> str:
    """Return what training cost on each machine."""
    return " / ".join(map(cost.text, row.machines))


def _machines(group: Group, row: Row) -> str:
    """Return the names of a row's machines; if there are several, each with its seeds."""
    names = machine_names(row)
    if len(names) == 1:
        return names[0]
    parts = []
    for name, machine in zip(names, row.machines, strict=True):
        each = ", ".join(f"seed {seed}: {text}" for seed, text in seed_texts(group, machine))
        parts.append(f"{name}, {each or 'failed'}")
    return " / ".join(parts)


def _samples(row: Row, place: Path) -> str:
    if row.samples is None:
        return ""
    file, record = row.samples
    link = Path(os.path.relpath(file.parent / str(record.samples), place)).as_posix()
    return f"[grid]({link.replace(' ', '%20')})" if PLAIN.fullmatch(link) else ""
