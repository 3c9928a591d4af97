"""Text from outside on its way to a terminal. No torch here."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same, with line breaks, control characters, terminal escapes and bytes that are no text written out.

    A file's name may hold any of them; a line on a terminal may not.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
