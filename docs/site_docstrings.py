"""A griffe extension: what docstrings say of an argument, ``name: what it is``, becomes an item of a list."""

from __future__ import annotations

import re
from typing import Any

import griffe


def itemized(text: str, names: list[str]) -> str:
    """Begin an item at each ``name: `` that follows a sentence or a line; what comes after a blank line stays prose."""
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
    """Rewrites the docstrings of functions, methods and classes."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        if func.docstring:
            func.docstring.value = itemized(func.docstring.value, [each.name for each in func.parameters])
