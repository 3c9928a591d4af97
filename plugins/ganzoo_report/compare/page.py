"""Renders runs side by side as one page that needs no network access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ganzoo.utils.html import render
from ganzoo.utils.waiting import waiting
from ganzoo_report.compare.runs import Run, differences, incomparable, score_curves, summary
from ganzoo_report.curves import CURVES, Curve, chart, points, thin
from ganzoo_report.page import curves_of
from ganzoo_report.sheets import BUDGET, data_uri
from ganzoo_report.story import SHOWN, as_data

POINTS = 200  # points of a run in one chart, at most
WORDS = {
    "loss_discriminator": "What the discriminator minimises; not comparable between different losses.",
    "loss_generator": "What the generator minimises; not comparable between different losses.",
    "accuracy_real": "Real images that the discriminator takes for real.",
    "accuracy_fake": "Generated images that it takes for generated: it falls as a generator learns.",
    "auc": "How often the discriminator ranks a real image above a generated one; 50% is a guess.",
    "gradient_discriminator": "How hard each update pulls.",
    "gradient_generator": "The size of each update's gradient. Near zero, nothing more is learned.",
}


def to_page(runs: Sequence[Run]) -> str:
    """Return the whole HTML page."""
    names = [run.name for run in runs]
    with waiting("drawing the curves"):
        charts = curves_of(_charts(runs))
    return str(
        render(
            "ganzoo_report.compare/page.html",
            title=" and ".join(names) if len(names) < 4 else f"{len(names)} runs",
            runs=[{"name": run.name, "scaling": _scaling(run)} for run in runs],
            count=SHOWN,
            warning=incomparable(runs),
            head=["", *names],
            summary=[[name, *row] for name, row in summary(runs)],
            settings=[[name, *row] for name, row in differences(runs)],
            curves=charts,
            data=_data(runs),
        )
    )


def _scaling(run: Run) -> str:
    size = run.story.snapshots[-1].images.shape[1] if run.story.snapshots else 0
    return "pixelated" if size <= 64 else "auto"


def _moments(runs: Sequence[Run]) -> list[float]:
    """Return every kimg at which any run has a snapshot, sorted; [0.0] if there are no snapshots."""
    return sorted({snapshot.kimg for run in runs for snapshot in run.story.snapshots}) or [0.0]


def _data(runs: Sequence[Run]) -> dict[str, Any]:
    budget = BUDGET // max(1, sum(len(run.story.snapshots) for run in runs))
    return {
        "moments": _moments(runs),
        "runs": [
            {
                "probability": any(one.verdicts.probability for one in run.story.snapshots if one.verdicts),
                "steps": [
                    {**data, "sheet": data_uri(snapshot.images, budget)}
                    for snapshot, data in zip(run.story.snapshots, as_data(run.story), strict=True)
                ],
            }
            for run in runs
        ],
    }


def _charts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a chart for each figure, with a line for each run that has it."""
    thinned = [thin(run.facts.log, POINTS) for run in runs]
    made = []
    for curve in (*score_curves(runs), *CURVES):
        for figure, title in curve.series.items():
            rows = []
            for run, log in zip(runs, thinned, strict=True):
                rows += points([*log, *run.facts.scores], replace(curve, series={figure: run.name}))
            if len({row["k"] for row in rows}) > 1:
                made.append(chart(_of_runs(curve, figure, title, runs), rows))
    return made


def _of_runs(curve: Curve, figure: str, title: str, runs: Sequence[Run]) -> Curve:
    single = len(curve.series) == 1
    return replace(
        curve,
        title=curve.title if single else f"{curve.title}: {title}",
        words=WORDS.get(figure, curve.words),
        series={run.name: run.name for run in runs},
    )
