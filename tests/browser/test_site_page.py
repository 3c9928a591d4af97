"""The documentation site in a real browser, opened from its files: it asks nobody, and fits a phone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PAGES = ("index", "faq", "own-pictures", "comparison", "reference", "python")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; the tests are skipped without the extra ``docs``."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module)
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(name, site, open_page):
    page = open_page(site / f"{name}.html", viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("h1").inner_text().strip("¶# \n")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_the_search_works_without_a_server(site, open_page):
    page = open_page(site / "index.html", viewport={"width": 1280, "height": 800})
    page.locator("input[name=query]").fill("mode collapse")
    page.locator(".md-search-result__link").first.wait_for()
    found = page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.href)")
    assert any("faq.html" in address or "glossary.html" in address for address in found)
