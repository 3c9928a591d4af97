"""`ganzoo runs`: a table of runs. No torch here."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.completion import complete_path
from ganzoo.cli.options import PATH
from ganzoo.errors import GanzooError, printable
from ganzoo.runs.run_path import RUNS
from ganzoo.utils.files import with_tilde
from ganzoo.utils.text_table import aligned

if TYPE_CHECKING:
    from ganzoo.runs.overview import RunRow

HEADINGS = ("recipe", "data", "score", "state", "kimg", "when", "where")


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=PATH, shell_complete=complete_path)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def runs(directory: Path | None, as_json: bool) -> None:
    """List the runs in DIR, by default runs/, the last changed one first.

    The score is the last one. A run is finished when it reached loop.kimg,
    running while a process works in it, and stopped otherwise.
    """
    from ganzoo.runs.overview import look_through

    place = RUNS if directory is None else directory
    if directory is not None and not directory.is_dir():
        raise GanzooError(f"{directory} is not a directory; name one that holds runs")
    found = look_through(place)
    if as_json:
        rows = [_to_dict(row) for row in found.rows]
        click.echo(json.dumps({"runs": rows, "skipped": [str(path) for path in found.skipped]}, indent=2))
        return
    if found.rows:
        for line in aligned([HEADINGS, *map(_cells, found.rows)]):
            click.echo(line)
    else:
        click.echo(f"no runs in {printable(str(place))}; `ganzoo run` begins one")
    if found.skipped:
        count, first = len(found.skipped), printable(found.skipped[0].name)
        several = f"skipped {count} directories without a run: {first}, ..."
        one = f"skipped 1 directory without a run: {first}"
        click.echo(several if count > 1 else one, err=True)


def _cells(row: RunRow) -> tuple[str, ...]:
    score, ranking = row.score, row.ranking
    scored = "" if score is None or ranking is None else ranking.words(score)
    kimg = f"{row.kimg:g}" if row.budget is None else f"{row.kimg:g}/{row.budget:g}"
    when = datetime.fromtimestamp(row.changed).strftime("%Y-%m-%d %H:%M")
    texts = (row.recipe, with_tilde(row.data), scored, row.state, kimg, when, str(row.path))
    return tuple(map(printable, texts))


def _to_dict(row: RunRow) -> dict[str, Any]:
    return {
        "recipe": row.recipe,
        "data": row.data,
        "score": row.score,
        "ranked_by": row.ranking.to_dict() if row.ranking else None,
        "values": dict(row.values),
        "state": row.state,
        "kimg": row.kimg,
        "budget_kimg": row.budget,
        "changed": datetime.fromtimestamp(row.changed, timezone.utc).isoformat(timespec="seconds"),
        "path": str(row.path),
    }
