"""The documentation site in a real browser, opened from its files: it uses no network and fits a phone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PAGES = ("index", "lesson", "faq", "own-pictures", "comparison", "reference", "python")


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


def test_the_lessons_pictures_follow_the_sites_colours(site, open_page):
    """An SVG is dark if the page is dark, whether or not the system prefers dark colours."""
    page = open_page(site / "lesson.html", viewport={"width": 1280, "height": 900}, color_scheme="light")
    ground = """() => {
      const image = [...document.images].find((one) => one.src.endsWith("losses.svg"));
      return getComputedStyle(image).colorScheme;
    }"""
    assert "dark" not in page.evaluate(ground)
    page.locator("label[for=__palette_1]").click()
    assert "dark" in page.evaluate(ground)


@pytest.fixture
def toy(site, open_page):
    """The lesson's playground."""
    page = open_page(site / "lesson.html", viewport={"width": 1280, "height": 900})
    page.locator("#toy canvas").wait_for()
    return page


def test_the_gradient_of_the_playground_is_that_of_its_losses(toy):
    """The gradients of generator weights agree with finite differences for both losses."""
    worst = toy.evaluate("""() => {
      let worst = 0;
      for (const loss of ["minimax", "non-saturating"]) {
        const game = new (document.getElementById("toy").Game)({ loss, seed: 3 });
        for (let k = 0; k < 20; k++) game.step();
        const softplus = (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);
        const value = () => {
          const logits = game.discriminator.forward(game.generator.forward(game.latents, 160), 160);
          return logits.reduce((sum, d) => sum + (loss === "minimax" ? -softplus(d) : softplus(-d)), 0);
        };
        const seen = game.look();
        game.generator.backward(seen.arrows.map((push) => -push), 160);
        for (const layer of game.generator.layers) {
          for (const k of [0, 5, 20]) {
            const before = layer.weights[k], gradient = layer.gradient[k];
            layer.weights[k] = before + 1e-5;
            const above = value();
            layer.weights[k] = before - 1e-5;
            const below = value();
            layer.weights[k] = before;
            const numeric = (above - below) / 2e-5;
            worst = Math.max(worst, Math.abs(numeric - gradient) / (1e-3 + Math.abs(numeric)));
          }
        }
      }
      return worst;
    }""")
    assert worst < 0.02


def test_the_playground_trains(toy):
    assert "Round 0." in toy.locator(".toy-figures").inner_text()
    far = """() => {
      const { fake } = document.getElementById("toy").game.look();
      let sum = 0;
      for (let n = 0; n < fake.length; n += 2) sum += Math.abs(Math.hypot(fake[n], fake[n + 1]) - 1);
      return (2 * sum) / fake.length;
    }"""
    before = toy.evaluate(far)
    for _ in range(10):
        toy.locator("[data-do=many]").click()
    assert "Round 1000." in toy.locator(".toy-figures").inner_text()
    assert toy.evaluate(far) < before / 2


def test_minimax_pushes_less_where_the_discriminator_is_sure(toy):
    """At the same points, minimax's gradient is non-saturating's times the odds of being real, exp(logit)."""
    worst, surest = toy.evaluate("""() => {
      const game = new (document.getElementById("toy").Game)({ ratio: 5 });
      for (let k = 0; k < 30; k++) game.step();
      const pushes = {};
      for (const loss of ["minimax", "non-saturating"]) {
        game.loss = loss;
        pushes[loss] = game.look();
      }
      const logits = game.discriminator.forward(pushes.minimax.fake, 160);
      let worst = 0;
      logits.forEach((logit, n) => {
        const length = ({ arrows }) => Math.hypot(arrows[2 * n], arrows[2 * n + 1]);
        const odds = length(pushes.minimax) / length(pushes["non-saturating"]);
        worst = Math.max(worst, Math.abs(odds / Math.exp(logit) - 1));
      });
      return [worst, Math.min(...logits)];
    }""")
    assert worst < 1e-6
    assert surest < -0.5


def test_another_loss_keeps_the_game_and_other_points_begin_a_new_one(toy):
    toy.locator("[data-do=step]").click()
    toy.locator("select[name=loss]").select_option("minimax")
    assert "Round 1." in toy.locator(".toy-figures").inner_text()
    toy.locator("select[name=data]").select_option("clusters")
    assert "Round 0." in toy.locator(".toy-figures").inner_text()
