"""Pieces of Markdown. Names, reasons and figures are untrusted: they are escaped, so none is read as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from ganzoo.utils.files import one_line

PLAIN = re.compile(r"[\w+/.,:=@ -]+")


def text_cell(text: str) -> str:
    """Return a text on one line for a table's cell, with all Markdown and HTML in it escaped."""
    flat = html.escape(one_line(text), quote=False)  # with quotes it would write "#", which the next line escapes
    return re.sub(r"[\"'|`*_\[\]\\~#]", lambda found: f"&#{ord(found[0])};", flat)


def code(text: str) -> str:
    """Return a text as Markdown code if it is plain; otherwise as escaped text, since it could end the code."""
    return f"`{text}`" if PLAIN.fullmatch(text) else text_cell(text)


def table_row(cells: Sequence[str]) -> str:
    """Return one line of a table, from cells that are already escaped."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table's lines, from cells that are already escaped."""
    return [table_row(head), table_row(["---"] * len(head)), *map(table_row, rows)]
