"""Add "Open in Colab" links to the notebooks and to their page: ``python docs/make_badges.py``.

The repository's address is ``repo_url`` in ``mkdocs.yml``, such as ``https://github.com/OWNER/NAME``. Without it,
the links are removed. Run this again after you change the address or rename a notebook.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "docs" / "notebooks"
BRANCH = "main"
LINK = re.compile(r"(?:\n\n| · )\[Open in Colab\]\([^)\n]*\)")
NAMED = re.compile(r"\[[^\]\n]+\]\((\w+\.ipynb)\)")


def repository() -> str:
    """Return OWNER/NAME, or "" if the address is not set. Raises ValueError if the address is not on GitHub."""
    found = re.search(r"^repo_url: *(\S+)", (ROOT / "mkdocs.yml").read_text(), re.M)
    if found is None:
        return ""
    owned = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", found[1])
    if owned is None:
        raise ValueError(f"mkdocs.yml: repo_url is {found[1]}; Colab opens https://github.com/OWNER/NAME")
    return owned[1]


def link(name: str, repository: str) -> str:
    """Return the Markdown link that opens a notebook in Colab."""
    address = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/docs/notebooks/{name}"
    return f"[Open in Colab]({address})"


def on_page(text: str, repository: str) -> str:
    """Return the page of notebooks with a link next to each notebook of its table, or without links."""
    rows = LINK.sub("", text).splitlines(keepends=True)
    if repository:
        rows = [
            NAMED.sub(lambda found: f"{found[0]} · {link(found[1], repository)}", row, count=1)
            if row[0] == "|"
            else row
            for row in rows
        ]
    return "".join(rows)


def on_notebook(text: str, name: str, repository: str) -> str:
    """Return a notebook with a link below its title, or without the link if the repository has no address."""
    notebook = json.loads(text)
    first = notebook["cells"][0]
    title, _, rest = LINK.sub("", "".join(first["source"])).partition("\n\n")
    added = f"\n\n{link(name, repository)}" if repository else ""
    first["source"] = f"{title}{added}\n\n{rest}".splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def made(repository: str) -> dict[Path, str]:
    """Return the content of each file with links to ``repository``, OWNER/NAME; "" removes the links."""
    readme = NOTEBOOKS / "README.md"
    pages = {readme: on_page(readme.read_text(), repository)}
    return pages | {path: on_notebook(path.read_text(), path.name, repository) for path in NOTEBOOKS.glob("*.ipynb")}


if __name__ == "__main__":
    for path, content in made(repository()).items():
        path.write_text(content)
