"""MkDocs hooks that copy the repository files that pages link to into the site, below ``repository/``."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((\.\./[^)#\s]*)(?:#[^)\s]*)?\)")
_linked: set[str] = set()


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Make links that leave ``docs/`` point to copies on the site. A link to a directory becomes plain text."""
    folder = posixpath.dirname(page.file.src_uri)

    def replaced(found: re.Match[str]) -> str:
        image, text, target = found.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return found[0]
        if not (ROOT / path).is_file():
            return text
        _linked.add(path)
        # HTML, because MkDocs checks Markdown links and knows only its own pages.
        address = quote(posixpath.relpath(f"repository/{path}", posixpath.dirname(page.file.dest_uri) or "."))
        return f'<img src="{address}" alt="{text}">' if image else f'<a href="{address}">{text}</a>'

    return LINK.sub(replaced, markdown)


def on_post_build(*, config: Any, **_: Any) -> None:
    """Copy the linked files into the site."""
    for path in sorted(_linked):
        copy = Path(config["site_dir"]) / "repository" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / path).read_bytes())
