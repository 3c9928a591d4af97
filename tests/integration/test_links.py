"""Every link between files of the repository, and between pages of the site, has a target. No network is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.links import broken_links

ROOT = Path(__file__).parents[2]
PLACES = (
    "*.md", ".github/**/*.md", "docs/**/*.md", "docs/**/*.ipynb", "benchmarks/**/*.md", "benchmarks/**/*.html",
    "plugins/**/*.md",
)  # fmt: skip
PAGES = sorted(path.relative_to(ROOT).as_posix() for pattern in PLACES for path in ROOT.glob(pattern))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert broken_links(ROOT / page, ROOT) == []


def test_the_pages_are_found():
    assert {"README.md", "docs/faq.md", "docs/hooks/README.md", "benchmarks/README.md", "benchmarks/leaderboard.html",
            "plugins/ganzoo-r3gan/README.md"} <= set(PAGES)  # fmt: skip
    assert any(page.endswith("quickstart.ipynb") for page in PAGES)


@pytest.mark.long
def test_links_of_the_site_lead_somewhere(tmp_path):
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
    assert len(pages) > 20
    assert [line for page in pages for line in broken_links(page, site)] == []


@pytest.mark.parametrize(
    "text",
    [
        "[gone](gone.md)",
        "![gone](gone.png)",
        '[![gone](gone.png)](there.md "Title")',
        "[heading](there.md#no-such)",
        "[here](#nowhere)",
        '<img src="gone.png" alt="">',
        '<picture><source srcset="gone.png 2x"><img src="there.png"></picture>',
        "[outside](../outside.md)",
        "[reference]\n\n[reference]: gone.md",
    ],
)
def test_a_broken_link_is_found(text, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.md").write_text("# Outside\n")
    (root / "there.md").write_text("# There\n")
    (root / "there.png").write_bytes(b"")
    (root / "page.md").write_text(f"# Page\n\n{text}\n")
    assert len(broken_links(root / "page.md", root)) == 1


def test_links_that_are_there_are_fine(tmp_path):
    (tmp_path / "there.md").write_text("# A `code` heading, twice\n\n# A `code` heading, twice\n\n<a id='own'></a>\n")
    (tmp_path / "page.md").write_text(
        "[a](there.md) [b](there.md#a-code-heading-twice-1) [c](there.md#own) [d](https://example.com/x) [e](#page)\n"
        "`[code](gone.md)`\n\n# Page\n\n```md\n[fenced](gone.md)\n```\n<!-- [comment](gone.md) -->\n"
    )
    assert broken_links(tmp_path / "page.md", tmp_path) == []
