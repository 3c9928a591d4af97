"""Shows runs side by side in the terminal: figures, curves, images. Its width limits the runs in one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ganzoo.console.images import images, sparkline
from ganzoo_report.compare.runs import Run, differences, incomparable, score_curves, summary
from ganzoo_report.curves import ACCURACY, LOSSES, Curve

NARROWEST = 26  # characters of a run's column at least
LABELS = 24  # characters of the column with names
IMAGES = 20  # lines of images
CURVES = (ACCURACY, LOSSES)  # shown below the scores


def print_runs(runs: Sequence[Run], console: Console) -> None:
    """Print all runs, in several tables if there are too many for one."""
    if console.options.ascii_only:
        console.file.reconfigure(errors="replace")  # type: ignore[attr-defined]
    abreast = max(1, (console.width - LABELS) // NARROWEST)
    width = (console.width - LABELS) // min(abreast, len(runs)) - 2
    for start in range(0, len(runs), abreast):
        console.print(_table(runs, slice(start, start + abreast), width, console))
    if words := incomparable(runs):
        console.print(Text(words, "yellow"))


def _table(runs: Sequence[Run], here: slice, width: int, console: Console) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("", width=LABELS - 2, style="dim", overflow="fold")
    for run in runs[here]:
        table.add_column(Text(run.name, "bold", overflow="fold"), width=width, overflow="fold")

    def rows(title: str, lines: Sequence[tuple[str, Sequence[RenderableType]]]) -> None:
        if lines:
            table.add_section()
            table.add_row("")
            table.add_row(Text(title, "bold not dim"))
        for name, cells in lines:
            table.add_row(Text(name), *cells[here])

    def texts(lines: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[str, list[RenderableType]]]:
        return [(name, list(map(Text, cells))) for name, cells in lines]

    rows("What they are", texts(summary(runs)))
    rows("Settings that differ", texts(differences(runs)))
    rows("Curves", [line for curve in (*score_curves(runs), *CURVES) for line in _curves(runs, curve, width, console)])
    rows("Images", [("at the end", [_images(run, width, console) for run in runs])])
    return table


def _curves(runs: Sequence[Run], curve: Curve, width: int, console: Console) -> list[tuple[str, list[RenderableType]]]:
    """Return a line for each figure. All runs share both scales, so a shorter run has a shorter curve."""
    longest = max(run.facts.kimg for run in runs) or 1.0
    lines: list[tuple[str, list[RenderableType]]] = []
    for name, title in curve.series.items():
        values = [[r[name] for r in (*run.facts.log, *run.facts.scores) if name in r] for run in runs]
        everything = [value for one in values for value in one]
        if not everything:
            continue
        low, high = np.percentile(everything, [1, 99])
        cells: list[RenderableType] = []
        for run, own in zip(runs, values, strict=True):
            room = max(1, round((width - 8) * run.facts.kimg / longest))
            bars = sparkline(own, room, low, high, console.options.ascii_only)
            last = f"{own[-1]:.1%}" if own and curve.percent else f"{own[-1]:.3g}" if own else "–"
            cells.append(Text(f"{last:>7} {bars}", no_wrap=True))
        lines.append((title if len(curve.series) == 1 or curve.percent else f"loss, {title}", cells))
    return lines


def _images(run: Run, width: int, console: Console) -> RenderableType:
    if not run.story.snapshots:
        return Text("–")
    return images(run.story.snapshots[-1].images, width, IMAGES, console)
