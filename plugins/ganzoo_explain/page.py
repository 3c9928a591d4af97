"""Renders a system as one page that needs no network access and no script."""

from __future__ import annotations

import re

from ganzoo.utils.html import render, trusted
from ganzoo_explain.curve import chart
from ganzoo_explain.layout import place_across
from ganzoo_explain.svg import ACROSS, diagram
from ganzoo_explain.system import System

READABLE = 0.85  # smallest scale of the diagram
MARGINS = 64  # pixels of the page's margins


def to_page(system: System) -> str:
    """Return the whole HTML page: the diagram for wide and for narrow windows, both updates, every part in words."""
    titles = ((update, f"{update.title}: the loss over the verdict") for update in system.updates)
    return str(
        render(
            "ganzoo_explain/page.html",
            system=system,
            recipe=re.split("(?=[+/])", " ".join(system.recipe.split())),  # lines break between its parts
            wide=round(place_across(system, ACROSS).width * READABLE) + MARGINS,
            across=trusted(diagram(system, across=True)),
            down=trusted(diagram(system, across=False)),
            updates=[(update, trusted(chart(update.curves, title))) for update, title in titles],
        )
    )
