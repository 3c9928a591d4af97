"""The charts of a group, as Vega-Lite specifications. The page fills in the data that pass its filters.

The page also sets the limits of each axis, which depend on these data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganzoo.runs.ranking import Ranking

Spec = dict[str, Any]
# The page defines these colours, since they differ between its light and dark themes.
QUIET, BAD = {"expr": "quiet"}, {"expr": "bad"}
HEIGHT = 300
LEGEND = {"orient": "bottom"}  # the page sets the number of columns


def specifications(rankings: Iterable[Ranking]) -> dict[str, dict[str, Spec]]:
    """Return the charts, by ranking value and by chart name.

    Their data sets are named ``rows``, or ``curve`` for the charts of intermediate scores.
    """
    return {
        ranking.value: {
            "time": _time(ranking),
            "matrix": _matrix(ranking),
            "curve-kimg": _curve(ranking, "kimg", "thousands of real images shown (kimg)"),
            "curve-minutes": _curve(ranking, "minutes", "minutes of training"),
        }
        for ranking in dict.fromkeys(rankings)
    }


def _time(ranking: Ranking) -> Spec:
    """Return the chart of the value against training time.

    Bars show deviations; dashed steps show the Pareto front of each class of hardware.
    """
    title = ranking.title
    x, y = _number("minutes", title="minutes of training"), _number("score", title=title)
    front = {
        "transform": [{"filter": "datum.front"}],
        # dict(), since the core may not contain the quoted name of a command.
        "mark": dict(type="line", interpolate="step-after", strokeDash=[5, 4], color=QUIET),  # noqa: C408
        "encoding": {"x": x, "y": y, "detail": _name("hardware"), "order": _number("minutes")},
    }
    bars = {
        "transform": [
            {"calculate": "datum.score - (datum.deviation || 0)", "as": "low"},
            {"calculate": "datum.score + (datum.deviation || 0)", "as": "high"},
        ],
        "mark": {"type": "rule", "color": QUIET, "clip": True},
        "encoding": {"x": x, "y": _number("low", title=title), "y2": {"field": "high"}},
    }
    points = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "x": x,
            "y": y,
            "color": _name("architecture", title="architecture", legend=LEGEND),
            "shape": _name("loss", title="loss", legend=LEGEND),
            "tooltip": _tooltip(ranking, "recipe", "score", "seeds", "minutes", "budget", "machine"),
        },
    }
    return {
        "data": {"name": "rows"},
        "transform": [{"filter": "isValid(datum.minutes) && isValid(datum.score)"}],
        "layer": [front, bars, points],
        "width": "container",
        "height": HEIGHT,
    }


def _matrix(ranking: Ranking) -> Spec:
    """Return the chart of architecture x loss, with the best mean value of each cell, or "failed" without a value."""
    best, large = ("min", ".1f") if ranking.lower_is_better else ("max", ".3~g")
    scored, failed = [{"filter": "datum.scored > 0"}], [{"filter": "datum.scored == 0"}]
    scale = {"scheme": "viridis", "reverse": ranking.lower_is_better, "type": _scale(ranking)}
    contrast = {"expr": "luminance(scale('color', datum.best)) > 0.35 ? 'black' : 'white'"}
    label = _name("label", title=ranking.title)
    return {
        "data": {"name": "rows"},
        "transform": [
            {
                "aggregate": [
                    {"op": best, "field": "mean", "as": "best"},
                    {"op": "valid", "field": "mean", "as": "scored"},
                ],
                "groupby": ["architecture", "loss"],
            },
            {"calculate": f"datum.scored ? format(datum.best, abs(datum.best) < 1 ? '.3~g' : '{large}') : 'failed'",
             "as": "label"},
        ],
        "encoding": {
            "x": _name("loss", title="loss", axis={"labelAngle": -30, "orient": "top"}),
            "y": _name("architecture", title="architecture"),
            "tooltip": [_name("architecture"), _name("loss"), label],
        },
        "layer": [
            {
                "transform": scored,
                "mark": {"type": "rect"},
                "encoding": {"color": _number("best", title=ranking.title, scale=scale, legend=None)},
            },
            {"transform": failed,
             "mark": {"type": "rect", "color": "transparent", "stroke": BAD, "strokeDash": [4, 3]}},
            {"transform": scored, "mark": {"type": "text", "fontSize": 13, "color": contrast},
             "encoding": {"text": label}},
            {"transform": failed, "mark": {"type": "text", "fontSize": 13, "color": BAD}, "encoding": {"text": label}},
        ],
        "width": {"step": 54},
        "height": {"step": 44},
    }  # fmt: skip


def _curve(ranking: Ranking, field: str, title: str) -> Spec:
    """Return the chart of intermediate scores, a line per seed. A click in the legend highlights one recipe."""
    return {
        "data": {"name": "curve"},
        "transform": [{"filter": f"isValid(datum.{field})"}],
        "params": [{"name": "chosen", "select": {"type": "point", "fields": ["recipe"]}, "bind": "legend"}],
        "mark": {"type": "line", "clip": True, "point": {"size": 25, "clip": True}},
        "encoding": {
            "x": _number(field, title=title),
            "y": _number("score", title=ranking.title),
            "color": _name("recipe", scale={"scheme": "tableau20"}, legend={**LEGEND, "symbolLimit": 40}),
            "detail": [_name(each) for each in ("id", "machine", "seed", "fakes")],
            "opacity": {"condition": {"param": "chosen", "value": 1}, "value": 0.12},
            "tooltip": _tooltip(ranking, "recipe", "seed", "score", field, "fakes", "machine"),
        },
        "width": "container",
        "height": HEIGHT,
    }


def _scale(ranking: Ranking) -> str:
    """Return the type of scale: log for distances, which fall by factors; linear for values where higher is better."""
    return "log" if ranking.lower_is_better else "linear"


def _number(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", **more}


def _name(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "nominal", **more}


def _tooltip(ranking: Ranking, *fields: str) -> list[Spec]:
    """Return a tooltip with a line per field. ``fakes``, ``seeds`` and the fields in ``formats`` are numbers."""
    titles = {"score": ranking.title, "fakes": "generated images"}
    formats = {"score": ".4~g", "minutes": ".1f", "kimg": ".1f"}
    found = []
    for field in fields:
        kind = _number if field in {*formats, "fakes", "seeds"} else _name
        form = {"format": formats[field]} if field in formats else {}
        found.append(kind(field, title=titles.get(field, field), **form))
    return found
