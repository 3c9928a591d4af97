"""The charts of a group, as Vega-Lite specifications over data that the page fills in: what its filters leave.

The page also sets the limits of each axis, which depend on that data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.html import MISSING

# Colours that the page defines, since they differ between light and dark.
QUIET, BAD = {"expr": "quiet"}, {"expr": "bad"}


def specifications(rankings: Iterable[Ranking]) -> dict[str, dict[str, dict[str, Any]]]:
    """Charts by the value that ranks a group and by name. Their data is named ``rows``, or ``curve`` for those of the
    value on the way.

    Raises GanzooError where Altair is not installed.
    """
    try:
        import altair
    except ImportError as error:
        raise GanzooError(MISSING) from error
    found = {}
    for ranking in dict.fromkeys(rankings):
        charts = {
            "time": _time(altair, ranking),
            "matrix": _matrix(altair, ranking),
            "curve-kimg": _curve(altair, ranking, "kimg", "thousands of real images shown (kimg)"),
            "curve-minutes": _curve(altair, ranking, "minutes", "minutes of training"),
        }
        found[ranking.value] = {name: chart.to_dict() for name, chart in charts.items()}
    return found


def _time(alt: Any, ranking: Ranking) -> Any:
    """The value against training time, deviations as bars; the Pareto front of each class of hardware as steps."""
    title = ranking.title
    x, y = alt.X("minutes:Q", title="minutes of training"), alt.Y("score:Q", title=title)
    base = alt.Chart(alt.NamedData("rows")).transform_filter("isValid(datum.minutes) && isValid(datum.score)")
    bars = (
        base.transform_calculate(
            low="datum.score - (datum.deviation || 0)", high="datum.score + (datum.deviation || 0)"
        )
        .mark_rule(color=QUIET, clip=True)
        .encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q")
    )
    front = (
        base.transform_filter("datum.front")
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color=QUIET)
        .encode(x=x, y=y, detail="hardware:N", order="minutes:Q")
    )
    legend = {"orient": "bottom", "columns": 3, "labelLimit": 220}
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x,
        y=y,
        color=alt.Color("architecture:N", title="architecture", legend=alt.Legend(**legend)),
        shape=alt.Shape("loss:N", title="loss", legend=alt.Legend(**legend)),
        tooltip=_tooltip(alt, ranking, "recipe:N", "score:Q", "seeds:Q", "minutes:Q", "budget:N", "machine:N"),
    )
    return alt.layer(front, bars, points).properties(width="container", height=300)


def _matrix(alt: Any, ranking: Ranking) -> Any:
    """Architecture x loss: the best mean value of a cell. A cell with nothing but failures says so."""
    best, form = ("min", ".1f") if ranking.lower_is_better else ("max", ".3~g")
    base = (
        alt.Chart(alt.NamedData("rows"))
        .transform_aggregate(best=f"{best}(mean)", scored="valid(mean)", groupby=["architecture", "loss"])
        .transform_calculate(label=f"datum.scored ? format(datum.best, '{form}') : 'failed'")
        .encode(
            x=alt.X("loss:N", title="loss", axis=alt.Axis(labelAngle=-30, orient="top")),
            y=alt.Y("architecture:N", title="architecture"),
            tooltip=[alt.Tooltip("architecture:N"), alt.Tooltip("loss:N"), alt.Tooltip("label:N", title=ranking.title)],
        )
    )
    scale = alt.Scale(scheme="viridis", reverse=ranking.lower_is_better, type=_scale(ranking))
    colour = alt.Color("best:Q", title=ranking.title, scale=scale, legend=None)
    cells = base.transform_filter("datum.scored > 0").mark_rect().encode(color=colour)
    failed = base.transform_filter("datum.scored == 0").mark_rect(color="transparent", stroke=BAD, strokeDash=[4, 3])
    contrast = alt.ExprRef("luminance(scale('color', datum.best)) > 0.35 ? 'black' : 'white'")
    figures = base.transform_filter("datum.scored > 0").mark_text(fontSize=13, color=contrast).encode(text="label:N")
    words = base.transform_filter("datum.scored == 0").mark_text(fontSize=13, color=BAD).encode(text="label:N")
    return alt.layer(cells, failed, figures, words).properties(width=alt.Step(54), height=alt.Step(44))


def _curve(alt: Any, ranking: Ranking, field: str, title: str) -> Any:
    """The value on the way, a line for each seed; a click in the legend shows one recipe alone."""
    chosen = alt.selection_point(fields=["recipe"], bind="legend")
    return (
        alt.Chart(alt.NamedData("curve"))
        .transform_filter(f"isValid(datum.{field})")
        .mark_line(clip=True, point=alt.OverlayMarkDef(size=25, clip=True))
        .encode(
            x=alt.X(f"{field}:Q", title=title),
            y=alt.Y("score:Q", title=ranking.title),
            color=alt.Color(
                "recipe:N",
                scale=alt.Scale(scheme="tableau20"),
                legend=alt.Legend(orient="bottom", columns=3, labelLimit=220, symbolLimit=40),
            ),
            detail=["id:N", "machine:N", "seed:N", "fakes:N"],
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.12)),
            tooltip=_tooltip(alt, ranking, "recipe:N", "seed:N", "score:Q", f"{field}:Q", "fakes:Q", "machine:N"),
        )
        .add_params(chosen)
        .properties(width="container", height=300)
    )


def _scale(ranking: Ranking) -> str:
    """Distances fall by factors; shares, where higher is better, do not."""
    return "log" if ranking.lower_is_better else "linear"


def _tooltip(alt: Any, ranking: Ranking, *fields: str) -> list[Any]:
    titles = {"score": ranking.title, "fakes": "generated images"}
    formats = {"score": ".2f" if ranking.lower_is_better else ".3f", "minutes": ".1f", "kimg": ".1f"}
    found = []
    for field in fields:
        name = field.partition(":")[0]
        form = {"format": formats[name]} if name in formats else {}
        found.append(alt.Tooltip(field, title=titles.get(name, name), **form))
    return found
