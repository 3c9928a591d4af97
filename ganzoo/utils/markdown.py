"""Pieces of Markdown. Names, reasons and figures come from outside: nothing of theirs is read as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from ganzoo.utils.files import one_line

PLAIN = re.compile(r"[\w+/.,:=@ -]+")


def text_cell(text: str) -> str:
    """Any text on one line of a table, with nothing in it that Markdown or HTML would read."""
    flat = html.escape(one_line(text))
    return re.sub(r"[|`*_\[\]\\~#]", lambda found: f"&#{ord(found[0])};", flat)


def code(text: str) -> str:
    """As code where it is plain, as text where it could end the code."""
    return f"`{text}`" if PLAIN.fullmatch(text) else text_cell(text)


def table_row(cells: Sequence[str]) -> str:
    """One line of a table, of cells already escaped."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines, of cells already escaped."""
    return [table_row(head), table_row(["---"] * len(head)), *map(table_row, rows)]
