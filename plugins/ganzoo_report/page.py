"""Renders the report as one page that needs no network access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ganzoo.data.usage import Usage
from ganzoo.runs.grid_classes import names_of
from ganzoo.runs.reader import Facts
from ganzoo.utils.html import libraries, render, trusted
from ganzoo_report import closer
from ganzoo_report.closer import Look
from ganzoo_report.curves import charts
from ganzoo_report.diagnosis import diagnose
from ganzoo_report.repeat import script
from ganzoo_report.sheets import BUDGET, data_uri
from ganzoo_report.story import Story, as_data

FIGURES = (
    ("loss_discriminator", "loss of the discriminator", "{:.4g}"),
    ("loss_generator", "loss of the generator", "{:.4g}"),
    ("accuracy_real", "real images classified correctly", "{:.1%}"),
    ("accuracy_fake", "generated images classified correctly", "{:.1%}"),
    ("auc", "pairs ranked correctly", "{:.1%}"),
    ("gradient_discriminator", "gradient norm of the discriminator", "{:.4g}"),
    ("gradient_generator", "gradient norm of the generator", "{:.4g}"),
    ("pictures_per_second", "speed, images/s", "{:,.0f}"),
    ("lr_discriminator", "learning rate of the discriminator", "{:.4g}"),
    ("lr_generator", "learning rate of the generator", "{:.4g}"),
)
RANGES = {0: "the whole run", 0.5: "its second half", 0.75: "its last quarter", 0.9: "its last tenth"}


@dataclass(frozen=True)
class Curves:
    """The charts of a page and the libraries that draw them."""

    drawn: list[dict[str, Any]]
    libraries: str
    ranges: ClassVar[dict[float, str]] = RANGES


def to_page(facts: Facts, story: Story, look: Look | None = None) -> str:
    """Return the whole HTML page."""
    classes = _classes(facts, story)
    return str(
        render(
            "ganzoo_report/page.html",
            recipe=facts.recipe,
            finished=not facts.resumable,
            summary=_summary(facts),
            story=_story(story, classes),
            findings=diagnose(facts, story, look),
            closer=closer.section(look),
            curves=curves_of(charts(facts)),
            tables=list(_tables(facts)),
            repeat=script(facts),
            snapshots={**_snapshots(story), "classes": classes},
        )
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
        parts.append(facts.ranking.words(facts.ranked[-1][1]))
    return " · ".join(parts)


def _classes(facts: Facts, story: Story) -> list[str]:
    """Return the class that each shown image was made for; empty for an unconditional generator."""
    verdicts = story.snapshots[-1].verdicts if story.snapshots else None
    if verdicts is None or not verdicts.labels:
        return []
    return names_of([verdicts.labels[place] for place in verdicts.places], facts.provenance)


def _story(story: Story, classes: Sequence[str]) -> dict[str, Any] | None:
    """Return the values for the template's story section; None without images."""
    if not story.snapshots:
        return None
    kept = next((snapshot.verdicts for snapshot in story.snapshots if snapshot.verdicts), None)
    if kept is None:
        words = "This run was made before verdicts were kept: its images are shown without."
    elif kept.probability:
        words = "The percentage is the discriminator's probability that the image is real."
    elif kept.zero_is_border:
        words = (
            "This loss defines no probability, so each image has its rank among all that were shown at that moment; "
            "1 is the most real. Green: on the real side of the discriminator's border."
        )
    else:
        words = (
            "This loss has no border between real and fake, so each image has its rank among all that were shown at "
            "that moment; 1 is the most real. Green: in the upper half."
        )
    if classes:
        words += " Above it: the class that the image was made for."
    size = story.snapshots[-1].images.shape[1]
    return {
        "words": words,
        "last": len(story.snapshots) - 1,
        "scaling": "pixelated" if size <= 64 else "auto",
        "count": len(story.snapshots[-1].images),
    }


def _snapshots(story: Story) -> dict[str, Any]:
    """Return the sheets and verdicts for the page's script."""
    budget = BUDGET // max(1, len(story.snapshots))
    verdicts = next((snapshot.verdicts for snapshot in reversed(story.snapshots) if snapshot.verdicts), None)
    return {
        "probability": bool(verdicts and verdicts.probability),
        "count": len(verdicts.fake) + len(verdicts.real) if verdicts else 0,
        "real": None if story.real is None else data_uri(story.real, BUDGET // 20),
        "steps": [
            {**data, "sheet": data_uri(snapshot.images, budget)}
            for snapshot, data in zip(story.snapshots, as_data(story), strict=True)
        ],
    }


def curves_of(drawn: list[dict[str, Any]]) -> Curves:
    """Return the charts with the libraries that draw them; without charts, no libraries."""
    return Curves(drawn, trusted(libraries() if drawn else ""))


def _tables(facts: Facts) -> Iterator[dict[str, Any]]:
    """Yield the title, head and rows of each table."""
    if facts.log:
        moments = [facts.log[place] for place in sorted({0, len(facts.log) // 2, len(facts.log) - 1})]
        rows = [
            [title, *(form.format(moment[name]) if name in moment else "–" for moment in moments)]
            for name, title, form in FIGURES
            if any(name in moment for moment in moments)
        ]
        yield {"title": "At the start, in the middle, at the end", "head": ["", *map(_kimg, moments)], "rows": rows}
    if facts.scores:
        names = list(dict.fromkeys(name for record in facts.scores for name in record if name != "kimg"))
        rows = [
            [_kimg(record), *(f"{record[name]:.5g}" if name in record else "–" for name in names)]
            for record in facts.scores
        ]
        yield {"title": "Scores", "head": ["", *names], "rows": rows}
    if facts.by_class:
        classes = list(dict.fromkeys(name for figures in facts.by_class.values() for name in figures))
        rows = [
            [name, *(f"{figures[name]:.5g}" if name in figures else "–" for figures in facts.by_class.values())]
            for name in classes
        ]
        yield {"title": "The newest score by class", "head": ["", *facts.by_class], "rows": rows}


def _kimg(record: Any) -> str:
    return f"{record['kimg']:,.5g} kimg"
