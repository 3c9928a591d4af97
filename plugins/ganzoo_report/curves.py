"""The curves of a run, as Vega-Lite specifications with their points.

In the page, drag to move a chart, and turn the wheel with Ctrl to zoom.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.runs.ranking import Ranking
from ganzoo.runs.reader import Facts, Record

MOST = 400  # points of a line at most; if there are more, neighbours are averaged
DASHES = [[1, 0], [4, 2], [2, 1], [1, 1], [1, 2, 4, 2]]  # one fewer than colours, so that 30 lines differ
QUIET = {"expr": "quiet"}  # a colour that the page defines, since it differs between light and dark


@dataclass(frozen=True)
class Curve:
    """One chart. series: the title of each line, by its figure's name. border: the value of a dashed line across.

    log: whether the axis is logarithmic.
    """

    title: str
    words: str
    axis: str
    series: Mapping[str, str]
    border: float | None = None
    log: bool = False
    percent: bool = False
    dots: bool = False


LOSSES = Curve(
    "Losses",
    "What each network minimises. The two work against each other, so neither loss alone tells how good the "
    "images are.",
    "loss",
    {"loss_discriminator": "discriminator", "loss_generator": "generator"},
)
ACCURACY = Curve(
    "How well the discriminator tells them apart",
    "It falls towards 50% as the generator learns. Ranked correctly: a real image gets a higher logit than "
    "a generated one.",
    "share",
    {"accuracy_real": "real images", "accuracy_fake": "generated images", "auc": "pairs ranked correctly"},
    border=0.5,
    percent=True,
)
GRADIENTS = Curve(
    "Gradient norms",
    "The size of each update's gradient. Near zero, nothing more is learned.",
    "norm",
    {"gradient_discriminator": "discriminator", "gradient_generator": "generator"},
    log=True,
)
SPEED = Curve("Speed", "Real images shown to the discriminator.", "images/s", {"pictures_per_second": "speed"})
LEARNING_RATES = Curve(
    "Learning rates",
    "How large the steps of each update are.",
    "learning rate",
    {"lr_discriminator": "discriminator", "lr_generator": "generator"},
)
LEARNING, PACE = (LOSSES, ACCURACY, GRADIENTS), (SPEED, LEARNING_RATES)
CURVES = (*LEARNING, *PACE)  # all curves of the log


def score_curve(ranking: Ranking) -> Curve:
    """Return the curve of the value that ranks a run."""
    title = ranking.title
    words = f"The value that ranks the run, {ranking.direction}."
    return Curve(title, words, title, {ranking.value: title}, dots=True)


def charts(facts: Facts) -> list[dict[str, Any]]:
    """Return the chart (see :func:`chart`) of each curve that has points at two moments or more."""
    log = thin(facts.log)
    scores = [(score_curve(facts.ranking), facts.scores)] if facts.ranking else []
    curves = [*((curve, log) for curve in LEARNING), *scores, *((curve, log) for curve in PACE)]
    made = [(curve, points(records, curve)) for curve, records in curves]
    return [chart(curve, rows) for curve, rows in made if len({row["k"] for row in rows}) > 1]


def chart(curve: Curve, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the title, words, specification and points of a curve, for the page's script."""
    there = {row["s"] for row in rows}
    spec = _specification(curve, [name for name in curve.series.values() if name in there])
    return {"title": curve.title, "words": curve.words, "spec": spec, "rows": rows}


def points(records: Sequence[Record], curve: Curve) -> list[dict[str, Any]]:
    """Return ``k`` (kimg), ``s`` (series) and ``v`` (value) of every figure present; on a log axis, only above 0."""
    return [
        {"k": round(record["kimg"], 3), "s": title, "v": float(f"{record[name]:.5g}")}
        for record in records
        for name, title in curve.series.items()
        if name in record and (record[name] > 0 or not curve.log)
    ]


def thin(log: Sequence[Record], most: int = MOST) -> list[Record]:
    """Average neighbouring records, so that at most ``most`` are left."""
    size = -(-len(log) // most)
    if size <= 1:
        return list(log)
    thinned: list[Record] = []
    for start in range(0, len(log), size):
        part = log[start : start + size]
        names = [name for name in part[0] if all(name in record for record in part)]
        means = {name: sum(record[name] / len(part) for record in part) for name in names}  # cannot overflow
        thinned.append({**means, "kimg": part[-1]["kimg"]})
    return thinned


def _specification(curve: Curve, names: Sequence[str]) -> dict[str, Any]:
    """Return a specification of lines over kimg, and of a rule at the pointer that shows the values of ``names``."""
    room = {"padding": 6} if curve.dots else {}  # for the dots at the ends
    x = {
        "field": "k",
        "type": "quantitative",
        "title": "thousands of real images shown (kimg)",
        "scale": {"nice": False, **room},
        "axis": {"tickCount": {"expr": "ceil(width / 80)"}},
    }
    y = {
        "field": "v",
        "type": "quantitative",
        "title": curve.axis,
        "scale": {"type": "log"} if curve.log else {"zero": False, **room},
        "axis": {} if curve.log else {"format": ".0%" if curve.percent else ",.6~r"},
    }
    domain = list(curve.series.values())
    legend = {"orient": "bottom", "title": None, "values": list(names), "symbolType": "stroke"}
    named = {"field": "s", "type": "nominal", "legend": legend if len(domain) > 1 else None}
    colours = {**named, "scale": {"domain": domain}}
    dashes = {**named, "scale": {"domain": domain, "range": DASHES}}
    modified = "wheel![event.ctrlKey || event.metaKey || event.altKey]"  # the wheel alone scrolls the page
    lines = {
        "params": [
            {"name": "zoom", "bind": "scales", "select": {"type": "interval", "encodings": ["x"], "zoom": modified}}
        ],
        "mark": {"type": "line", "point": curve.dots, "clip": True, "strokeWidth": 1.8},
        "encoding": {"x": x, "y": y, "color": colours, "strokeDash": dashes},
    }
    rule = {
        "params": [
            {"name": "hover", "select": {"type": "point", "nearest": True, "on": "pointerover", "fields": ["k"]}}
        ],
        "transform": [{"pivot": "s", "value": "v", "groupby": ["k"]}],
        "mark": {"type": "rule", "color": QUIET},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "hover", "empty": False, "value": 0.9}, "value": 0},
            "tooltip": [
                {"field": "k", "type": "quantitative", "title": "kimg", "format": ",.1f"},
                *(_value(name, ".1%" if curve.percent else ".4~g") for name in names),
            ],
        },
    }
    layers = [lines, rule]
    if curve.border is not None:
        dashed = {"type": "rule", "strokeDash": [4, 4], "color": QUIET}
        layers.append({"data": {"values": [{}]}, "mark": dashed, "encoding": {"y": {"datum": curve.border}}})
    return {"data": {"name": "points"}, "layer": layers, "width": "container", "height": 220}


def _value(name: str, form: str) -> dict[str, Any]:
    """Return a line of the tooltip. The name is escaped, since Vega reads a dot or a bracket as access to a member."""
    field = re.sub(r"([\\\\.\[\]'\"])", r"\\\1", name)
    return {"field": field, "type": "quantitative", "title": name, "format": form}
