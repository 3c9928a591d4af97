"""Untrusted text is not read as Markdown or HTML."""

from __future__ import annotations

import html

import pytest

from ganzoo.utils.markdown import text_cell


@pytest.mark.parametrize("text", ["the set's labels", 'a "b" & <c>', "#1 | `x` *y* _z_ [a](b) ~c~ \\d", "&amp; &#39;"])
def test_a_cell_shows_the_text_itself(text):
    cell = text_cell(text)
    assert html.unescape(cell) == text
    assert not set(cell.replace("&#", "&")) & set("<>|`*_[]~\\#\"'")


def test_a_cell_is_one_line():
    assert text_cell("a\nb\tc") == "a b c"
