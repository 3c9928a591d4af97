"""The report as one page that needs no network. A run's folder is foreign input: all of it is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from string import Template
from typing import Any

from ganzoo.data.usage import Usage
from ganzoo.errors import GanzooError
from ganzoo.runs.reader import Facts
from ganzoo.utils.html import as_json, asset, copying, libraries, palette, text
from ganzoo_report import closer
from ganzoo_report.closer import Look
from ganzoo_report.curves import charts
from ganzoo_report.diagnosis import Finding, diagnose
from ganzoo_report.repeat import script
from ganzoo_report.sheets import BUDGET, data_uri
from ganzoo_report.story import Story, as_data

FIGURES = (
    ("loss_discriminator", "loss of the discriminator", "{:.4g}"),
    ("loss_generator", "loss of the generator", "{:.4g}"),
    ("accuracy_real", "real pictures told rightly", "{:.1%}"),
    ("accuracy_fake", "generated pictures told rightly", "{:.1%}"),
    ("auc", "pairs ranked rightly", "{:.1%}"),
    ("gradient_discriminator", "gradient norm of the discriminator", "{:.4g}"),
    ("gradient_generator", "gradient norm of the generator", "{:.4g}"),
    ("pictures_per_second", "speed, pictures/s", "{:,.0f}"),
    ("lr_discriminator", "learning rate of the discriminator", "{:.4g}"),
    ("lr_generator", "learning rate of the generator", "{:.4g}"),
)
RANGES = {0: "the whole run", 0.5: "its second half", 0.75: "its last quarter", 0.9: "its last tenth"}
KINDS = {"trouble": "Trouble", "note": "Note", "good": "Good"}


def to_page(facts: Facts, story: Story, look: Look | None = None) -> str:
    """The whole file."""
    own = partial(asset, "ganzoo_report")
    curves, drawn, bundle = curves_section(lambda: charts(facts))
    return Template(own("page.html")).substitute(
        style=palette() + own("page.css"),
        script=own("common.js") + own("page.js") + copying(),
        recipe=text(facts.recipe),
        state="finished" if facts.finished else "unfinished",
        summary=text(_summary(facts)),
        unfinished="" if facts.finished else own("unfinished.html"),
        story=_story(story, own),
        diagnosis="\n".join(map(_finding, diagnose(facts, story, look))),
        closer=closer.section(look),
        curves=curves,
        tables=_tables(facts),
        repeat=_pre(script(facts)),
        snapshots=as_json(_snapshots(story)),
        charts=as_json(drawn),
        libraries=bundle,
    )


def _summary(facts: Facts) -> str:
    budget = facts.number("loop.kimg")
    data = facts.provenance.get("data")
    usage = Usage.read(data)
    parts = [
        f"Trained on {facts.setting('data.name')}{f' ({usage})' if usage else ''}",
        f"{facts.kimg:,.5g}{'' if budget is None else f' of {budget:,.5g}'} kimg",
    ]
    if seconds := next((record["seconds"] for record in reversed(facts.log) if "seconds" in record), None):
        parts.append(f"{seconds / 60:,.1f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds")
    if device := facts.provenance.get("device"):
        parts.append(str(device))
    parts.append(f"seed {facts.setting('seed')}")
    if facts.ranking and facts.ranked:
        parts.append(f"{facts.ranking.title} {facts.ranking.text(facts.ranked[-1][1])}")
    return " · ".join(parts)


def _story(story: Story, own: Any) -> str:
    if not story.snapshots:
        return "<p>There are no pictures yet: the first snapshot makes some.</p>"
    kept = next((snapshot.verdicts for snapshot in story.snapshots if snapshot.verdicts), None)
    if kept is None:
        words = "This run was made before verdicts were kept: its pictures are shown without."
    elif kept.probability:
        words = "The percentage is the discriminator's probability that the picture is real."
    elif kept.zero_is_border:
        words = (
            "This loss defines no probability, so each picture has its rank among all that were shown at that moment; "
            "1 is the most real. Green: on the real side of the discriminator's border."
        )
    else:
        words = (
            "This loss has no border between real and fake, so each picture has its rank among all that were shown at "
            "that moment; 1 is the most real. Green: in the upper half."
        )
    size = story.snapshots[-1].pictures.shape[1]
    return Template(own("story.html")).substitute(
        words=text(words),
        last=len(story.snapshots) - 1,
        scaling="pixelated" if size <= 64 else "auto",
        pictures="<li><div></div><span></span></li>" * len(story.snapshots[-1].pictures),
    )


def _snapshots(story: Story) -> dict[str, Any]:
    """Sheets and verdicts, for the script."""
    budget = BUDGET // max(1, len(story.snapshots))
    verdicts = next((snapshot.verdicts for snapshot in reversed(story.snapshots) if snapshot.verdicts), None)
    return {
        "probability": bool(verdicts and verdicts.probability),
        "count": len(verdicts.fake) + len(verdicts.real) if verdicts else 0,
        "real": None if story.real is None else data_uri(story.real, BUDGET // 20),
        "steps": [
            {**data, "sheet": data_uri(snapshot.pictures, budget)}
            for snapshot, data in zip(story.snapshots, as_data(story), strict=True)
        ],
    }


def _finding(finding: Finding) -> str:
    tried = f"<p>{text(finding.advice)}</p>{_pre(finding.command)}" if finding.command else ""
    title = f'<span class="kind">{KINDS[finding.kind]}</span> {text(finding.title)}'
    return f'<article class="{finding.kind}"><h3>{title}</h3><p>{text(finding.why)}</p>{tried}</article>'


def _pre(content: str) -> str:
    """Text to be copied, line breaks kept."""
    return f'<div class="copied"><button class="copy">copy</button><pre tabindex="0">{escape(content)}</pre></div>'


def curves_section(draw: Callable[[], list[dict[str, Any]]]) -> tuple[str, list[dict[str, Any]], str]:
    """The section, the charts and their libraries; where those are missing, how to get them."""
    try:
        drawn = draw()
        bundle = libraries() if drawn else ""
    except GanzooError as error:
        return f'<p class="missing">{text(error)}</p>', [], ""
    if not drawn:
        return "<p>There are no figures yet: the first line of the log makes some.</p>", [], ""
    figures = "".join(
        f"<figure><figcaption><strong>{text(chart['title'])}</strong><small>{text(chart['words'])}</small></figcaption>"
        '<div class="chart"></div></figure>'
        for chart in drawn
    )
    choices = "".join(f'<option value="{share}">{name}</option>' for share, name in RANGES.items())
    return (
        f'<p><label for="range">Show</label> <select id="range">{choices}</select> '
        "<small>Drag a chart to move in it, turn the wheel with Ctrl held down to zoom, double-click to go back; hover "
        f'for the figures.</small></p><div class="charts">{figures}</div>',
        drawn,
        bundle,
    )


def _tables(facts: Facts) -> str:
    tables = []
    if facts.log:
        moments = [facts.log[place] for place in sorted({0, len(facts.log) // 2, len(facts.log) - 1})]
        rows = [
            [title, *(form.format(moment[name]) if name in moment else "–" for moment in moments)]
            for name, title, form in FIGURES
            if any(name in moment for moment in moments)
        ]
        tables.append(table("At the start, in the middle, at the end", ["", *map(_kimg, moments)], rows))
    if facts.scores:
        names = list(dict.fromkeys(name for record in facts.scores for name in record if name != "kimg"))
        rows = [
            [_kimg(record), *(f"{record[name]:.5g}" if name in record else "–" for name in names)]
            for record in facts.scores
        ]
        tables.append(table("Scores", ["", *names], rows))
    return "".join(tables)


def _kimg(record: Any) -> str:
    return f"{record['kimg']:,.5g} kimg"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls where it is too wide."""
    columns = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{text(first)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(title)}"><table><caption>{text(title)}'
        f"</caption><thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
