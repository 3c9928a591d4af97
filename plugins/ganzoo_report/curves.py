"""The curves of a run, as Vega-Lite specifications with their points. Zoom: drag to move, Ctrl and the wheel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.runs.ranking import Ranking
from ganzoo.runs.reader import Facts, Record
from ganzoo.utils.html import MISSING

MOST = 400  # points of a line; more are averaged


@dataclass(frozen=True)
class Curve:
    """series: what a line is called, by the figure's name. border: a dashed line across. log: a logarithmic axis."""

    title: str
    words: str
    axis: str
    series: Mapping[str, str] = field(hash=False)
    border: float | None = None
    log: bool = False
    percent: bool = False
    dots: bool = False


LOSSES = Curve(
    "Losses",
    "What each network tries to make small. They pull against each other, so neither tells alone how good the "
    "images are.",
    "loss",
    {"loss_discriminator": "discriminator", "loss_generator": "generator"},
)
ACCURACY = Curve(
    "How well the discriminator tells them apart",
    "It falls towards 50% as the generator learns. Ranked rightly: of a real and a generated image, the real one is "
    "held to be the more real.",
    "share",
    {"accuracy_real": "real images", "accuracy_fake": "generated images", "auc": "pairs ranked rightly"},
    border=0.5,
    percent=True,
)
GRADIENTS = Curve(
    "Gradient norms",
    "How hard each update pulls. Towards zero: nothing more is learned.",
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
CURVES = (*LEARNING, *PACE)  # of the log


def score_curve(ranking: Ranking) -> Curve:
    """The curve of the value that ranks a run."""
    title = ranking.title
    words = f"How near the generated images come to real ones, {ranking.direction}."
    return Curve(title, words, title, {ranking.value: title}, dots=True)


def charts(facts: Facts) -> list[dict[str, Any]]:
    """What :func:`chart` makes of each curve that has points. Raises GanzooError without Altair."""
    log = thin(facts.log)
    scores = [(score_curve(facts.ranking), facts.scores)] if facts.ranking else []
    curves = [*((curve, log) for curve in LEARNING), *scores, *((curve, log) for curve in PACE)]
    made = [(curve, points(records, curve)) for curve, records in curves]
    return [chart(curve, rows) for curve, rows in made if rows]


def chart(curve: Curve, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Title, words, specification and points of a curve, for the page's script. Raises GanzooError without Altair."""
    try:
        import altair  # noqa: F401
    except ImportError as error:
        raise GanzooError(MISSING) from error
    there = {row["s"] for row in rows}
    spec = _specification(curve, tuple(curve.series.values()), tuple(n for n in curve.series.values() if n in there))
    return {"title": curve.title, "words": curve.words, "spec": spec, "rows": rows}


def points(records: Sequence[Record], curve: Curve) -> list[dict[str, Any]]:
    """``k`` (kimg), ``s`` (series), ``v`` (value) of every figure that is there; above 0 alone on a log axis."""
    return [
        {"k": round(record["kimg"], 3), "s": title, "v": float(f"{record[name]:.5g}")}
        for record in records
        for name, title in curve.series.items()
        if name in record and (record[name] > 0 or not curve.log)
    ]


def thin(log: Sequence[Record], most: int = MOST) -> list[Record]:
    """Means of neighbours, so that at most ``most`` records are left."""
    size = -(-len(log) // most)
    if size <= 1:
        return list(log)
    thinned: list[Record] = []
    for start in range(0, len(log), size):
        part = log[start : start + size]
        names = [name for name in part[0] if all(name in record for record in part)]
        means = {name: sum(record[name] for record in part) / len(part) for name in names}
        thinned.append({**means, "kimg": part[-1]["kimg"]})
    return thinned


@lru_cache(maxsize=64)  # Altair takes a tenth of a second for each, and a report is written at every snapshot
def _specification(curve: Curve, domain: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Any]:
    import altair

    made: dict[str, Any] = _chart(altair, curve, list(domain), names).to_dict()
    return made


def _chart(alt: Any, curve: Curve, domain: list[str], names: Sequence[str]) -> Any:
    form = ".1%" if curve.percent else ".4~g"
    scale = {"type": "log"} if curve.log else {"zero": False}
    axis = {"format": ".0%"} if curve.percent else {}
    x = alt.X("k:Q", title="thousands of real images shown (kimg)", scale=alt.Scale(nice=False))
    y = alt.Y("v:Q", title=curve.axis, scale=alt.Scale(**scale), axis=alt.Axis(**axis))
    legend = alt.Legend(orient="bottom", columns=2, title=None, values=list(names)) if len(domain) > 1 else None
    color = alt.Color("s:N", scale=alt.Scale(domain=domain), legend=legend)
    dash = alt.StrokeDash("s:N", scale=alt.Scale(domain=domain), legend=legend)  # not by colour alone
    base = alt.Chart(alt.NamedData("points"))
    zoom = alt.selection_interval(
        name="zoom", bind="scales", encodings=["x"], zoom="wheel![event.ctrlKey || event.metaKey || event.altKey]"
    )
    hover = alt.selection_point(name="hover", nearest=True, on="pointerover", fields=["k"], empty=False)
    lines = base.mark_line(point=curve.dots, clip=True, strokeWidth=1.8).encode(x=x, y=y, color=color, strokeDash=dash)
    rule = (
        base.transform_pivot("s", value="v", groupby=["k"])
        .mark_rule(color={"expr": "quiet"})
        .encode(
            x=x,
            opacity=alt.condition(hover, alt.value(0.9), alt.value(0)),
            tooltip=[
                alt.Tooltip("k:Q", title="kimg", format=",.1f"),
                *(alt.Tooltip(field=_field(name), type="quantitative", title=name, format=form) for name in names),
            ],
        )
        .add_params(hover)
    )
    layers = [lines.add_params(zoom), rule]
    if curve.border is not None:
        layers.append(base.mark_rule(strokeDash=[4, 4], color={"expr": "quiet"}).encode(y=alt.datum(curve.border)))
    return alt.layer(*layers).properties(width="container", height=220)


def _field(name: str) -> str:
    """As Vega-Lite reads it: a dot or a bracket would be a step into what the field holds."""
    return re.sub(r"([\\\\.\[\]'\"])", r"\\\1", name)
