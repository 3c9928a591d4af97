"""A system as one page that needs no network and no script. All text is foreign: escaped, never markup."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from string import Template

from ganzoo.utils.html import asset, palette, text
from ganzoo_explain.curve import chart
from ganzoo_explain.layout import place_across
from ganzoo_explain.svg import ACROSS, diagram, style
from ganzoo_explain.system import Line, Section, Setting, System, Update

READABLE = 0.85  # as far as the diagram can be shrunk
MARGINS = 64  # of the page, in pixels


def to_page(system: System) -> str:
    """The whole file: the diagram for wide and for narrow windows, both updates, and every part in words."""
    own = partial(asset, "ganzoo_explain")
    return Template(own("page.html")).substitute(
        style=style() + palette() + own("page.css"),
        title=text(system.recipe),
        recipe=text(system.recipe).replace("+", "<wbr>+").replace("/", "<wbr>/"),
        summary=text(system.summary),
        wide=round(place_across(system, ACROSS).width * READABLE) + MARGINS,
        across=diagram(system, across=True),
        down=diagram(system, across=False),
        round="\n".join(f"<li>{text(line)}</li>" for line in system.round),
        updates="\n".join(_update(update) for update in system.updates),
        sections="\n".join(_section(section) for section in system.sections),
        settings=_settings(system.settings),
        command=text(system.command),
    )


def _update(update: Update) -> str:
    drawn = chart(update.curves, f"{update.title}: the loss over the verdict")
    verdicts = "each verdict, the other at 0" if len(update.curves) > 1 else "the verdict"
    caption = f"<figcaption>The loss without penalties over {verdicts}. The update moves downhill.</figcaption>"
    figure = f"<figure>{drawn}{caption}</figure>" if drawn else ""
    path = " <b>→</b> ".join(f"<span>{text(step)}</span>" for step in update.path)
    return (
        f'<section class="update {update.learner}"><h2>{text(update.title)}</h2><div class="formula">'
        f"{''.join(_line(line) for line in update.formula)}</div>"
        f'<p class="path"><em>Its gradient:</em> {path}</p>{_paragraphs(update.sentences)}{figure}</section>'
    )


def _line(line: Line) -> str:
    return f"<code>{text(line.text)}</code>" if line.tone == "formula" else f"<small>{text(line.text)}</small>"


def _section(section: Section) -> str:
    name = f" <small>{text(section.name)}</small>" if section.name else ""
    paper = f'<p class="paper">{text(section.paper)}</p>' if section.paper else ""
    more = f"<details><summary>Settings</summary>{_settings(section.settings)}</details>" if section.settings else ""
    return f"<section><h3>{text(section.title)}{name}</h3>{_paragraphs(section.sentences)}{paper}{more}</section>"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{text(sentence)}</p>" for sentence in sentences)


def _settings(settings: Iterable[Setting]) -> str:
    rows = "".join(
        f"<div><dt><code>{text(one.key)}={text(one.value)}</code></dt><dd>{text(one.help)}</dd></div>"
        for one in settings
    )
    return f"<dl>{rows}</dl>"
