"""A griffe extension that turns descriptions of arguments in docstrings, ``name: what it is``, into lists."""

from __future__ import annotations

import re
from typing import Any

import griffe


def itemized(text: str, names: list[str]) -> str:
    """Start a list item at each ``name: `` that follows a sentence or begins a line.

    The last item of a paragraph ends with the paragraph. Paragraphs without a name stay as they are.
    """
    if not names:
        return text
    begin = re.compile(rf"(?:^|(?<=[.;])[ \n]|\n)(?P<name>{'|'.join(map(re.escape, names))}): ", re.M)
    paragraphs = [
        paragraph if not begin.search(paragraph) else _items(paragraph, begin) for paragraph in text.split("\n\n")
    ]
    return "\n\n".join(paragraphs)


def _items(paragraph: str, begin: re.Pattern[str]) -> str:
    before, *rest = begin.split(paragraph)
    items = [f"- `{name}`: {' '.join(said.split())}" for name, said in zip(rest[::2], rest[1::2], strict=True)]
    return "\n\n".join(filter(None, [" ".join(before.split()), "\n".join(items)]))


class Arguments(griffe.Extension):
    """An extension that rewrites the docstrings of functions and methods."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        if func.docstring:
            func.docstring.value = itemized(func.docstring.value, [each.name for each in func.parameters])
