"""Find the broken links of Markdown files, notebooks and HTML pages. Links to other sites are not checked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1", re.DOTALL | re.M)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
INLINE = re.compile(r"\]\(\s*<?([^()<>\s]*(?:\([^()\s]*\)[^()<>\s]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.M)
ELSEWHERE = re.compile(r"(?i)[a-z][a-z0-9+.-]*:|//")  # with a scheme or a host
ADDRESSES = {"href", "src", "poster", "data-src"}


class Html(HTMLParser):
    """Collects the addresses and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ADDRESSES and value:
                self.targets.append(value)
            elif name == "srcset" and value:
                self.targets += [part.split()[0] for part in value.split(",")]
            elif name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value or "")


def broken_links(file: Path, root: Path) -> list[str]:
    """Return a line for each local link of a file to a missing heading, or to a file or picture not below ``root``."""
    found = []
    for target in targets(file):
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        to = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file.resolve()
        if not to.exists() or not to.is_relative_to(root.resolve()):
            found.append(f"{file.relative_to(root)}: {target}: no such file")
        elif anchor and to.suffix in {".md", ".html"} and unquote(anchor) not in anchors(to):
            found.append(f"{file.relative_to(root)}: {target}: no such heading")
    return found


def targets(file: Path) -> Iterator[str]:
    """Yield the address of each link and picture, in HTML or in any notation of Markdown."""
    text = _text(file)
    if file.suffix == ".html":
        yield from Html(text).targets
        return
    text = CODE.sub("", COMMENT.sub("", FENCE.sub("", text)))
    yield from INLINE.findall(text)
    yield from REFERENCE.findall(text)
    yield from Html(text).targets


@cache
def anchors(file: Path) -> frozenset[str]:
    """Return the anchors of a file: its ids and, in Markdown, its headings as GitHub names them."""
    text = _text(file)
    if file.suffix == ".html":
        return frozenset(Html(text).anchors)
    text = FENCE.sub("", COMMENT.sub("", text))
    found, seen = set(Html(text).anchors), Counter[str]()
    for heading in re.findall(r"^ {0,3}#{1,6} (.+?)#* *$", text, re.M):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w -]", "", words).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def _text(file: Path) -> str:
    """Return the text of a page, or of the Markdown cells of a notebook."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)
