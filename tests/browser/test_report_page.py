"""The report in a real browser. Needs `pip install playwright` and a Chromium on the PATH."""

from __future__ import annotations

import json
import re

import pytest
from support.browsing import CONTRASTS, settle
from support.report_runs import write_look, write_run

from ganzoo.runs.run_dir import RunDir
from ganzoo_report.write import write_report

EVIL = '"><img src="https://example.com/x.png" onerror="window.evil = 1">'

WIDTHS = "all => all.map((one) => one.getBoundingClientRect().width)"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The report of a finished run with malicious names; its discriminator gives probabilities."""
    path = write_run(tmp_path_factory.mktemp("finished"), recipe=EVIL)
    (path / "provenance.json").write_text(json.dumps({"device": EVIL, "versions": {EVIL: EVIL}}))
    return write_report(RunDir(path))


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """The report of an unfinished run with a critic, after 4 of 8 kimg."""
    path = tmp_path_factory.mktemp("unfinished")
    write_run(path, recipe="dcgan+wgan-gp", probability=False, border=False, budget=8.0, scores=False)
    write_look(path, generated=[0.1] + [9.0] * 15)
    return write_report(RunDir(path))


def verdicts(page, whose="fake"):
    return page.locator(f"#{whose} li span").all_inner_texts()


def test_the_slider_moves_through_the_story(open_page, finished):
    page = open_page(finished)
    assert page.evaluate("window.evil") is None
    assert page.locator("h1").inner_text() == EVIL
    assert page.locator("#moment").inner_text() == "4 kimg"
    last, real = verdicts(page), verdicts(page, "real")
    assert len(last) == len(real) == 16
    assert all(re.fullmatch(r"(real|fake) ((?!50%)\d+|49\.\d|50\.\d)%", words) for words in last + real)
    sheet = page.locator("#fake div").first.evaluate("one => one.style.backgroundImage")
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert page.locator("#moment").inner_text() == "0 kimg"
    page.wait_for_function("document.querySelectorAll('#fake .fake').length > 13")
    assert "nearly always right" in page.locator("#verdict").inner_text()
    assert verdicts(page) != last
    assert page.locator("#fake div").first.evaluate("one => one.style.backgroundImage") != sheet
    page.keyboard.press("ArrowRight")
    assert page.locator("#moment").inner_text() == "1 kimg"
    assert page.locator("#scale circle").count() == page.locator("#scale path").count() == 16


def test_borders_follow_the_verdicts(open_page, finished):
    page = open_page(finished)
    colour = "one => getComputedStyle(one.firstElementChild).borderTopColor"
    for word, rgb in (("real", "rgb(26, 127, 55)"), ("fake", "rgb(180, 35, 24)")):
        items = page.locator("#fake li", has_text=word)
        assert items.count() > 0 and {item.evaluate(colour) for item in items.all()} == {rgb}


def test_a_critic_ranks(open_page, unfinished):
    page = open_page(unfinished)
    assert all(re.fullmatch(r"(real|fake) #\d+", words) for words in verdicts(page))
    assert "no border" in page.locator("#story").inner_text()
    assert "rank" in page.locator("#story").inner_text()


def test_playing_goes_from_the_first_to_the_last(open_page, finished):
    page = open_page(finished)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.wait_for_function("find('time').value === '2'")
    page.get_by_role("button", name="Play").wait_for()
    assert page.locator("#moment").inner_text() == "4 kimg"


def test_every_chart_has_its_lines_and_axes(open_page, finished):
    page = open_page(finished)
    lines = {
        figure.locator("strong").inner_text(): figure.locator(".mark-line.role-mark > path").evaluate_all(
            "all => all.filter((one) => /^M.*L/.test(one.getAttribute('d'))).length"
        )
        for figure in page.locator("figure").all()
    }
    discriminating = "How well the discriminator tells them apart"
    assert lines == {
        "Losses": 2, discriminating: 3, "Gradient norms": 2, "FID": 1, "Speed": 1, "Learning rates": 2,
    }  # fmt: skip
    assert page.locator("figure", has_text="FID").locator(".mark-symbol.role-mark > path").count() > 1
    words = page.locator("figure", has_text=discriminating).locator("svg").text_content()
    assert "thousands of real images shown (kimg)" in words and "pairs ranked correctly" in words and "50%" in words


# True if no word extends past the right edge of its chart, and no chart past that of the window.
INSIDE = """() => [...document.querySelectorAll('.chart svg')].every((svg) => {
  const { right } = svg.getBoundingClientRect();
  const words = [...svg.querySelectorAll('text')];
  return right <= innerWidth && words.every((word) => word.getBoundingClientRect().right <= right + 1);
})"""


def test_no_word_of_a_chart_is_cut_on_a_phone_or_in_a_window_that_becomes_narrow(open_page, finished):
    page = open_page(finished, viewport={"width": 1280, "height": 900})
    assert page.evaluate(INSIDE)
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(INSIDE)
    legend = page.locator("figure", has_text="How well").locator(".role-legend-label text").all_text_contents()
    assert legend == ["real images", "generated images", "pairs ranked correctly"]


def test_charts_zoom_and_answer_the_pointer(open_page, finished):
    page = open_page(finished, viewport={"width": 1600, "height": 1000})
    assert page.locator("figure svg").count() == 6
    chart = page.locator("figure .chart svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    page.locator("#vg-tooltip-element.visible").wait_for()
    assert "generator" in page.locator("#vg-tooltip-element").inner_text()
    domain = "() => JSON.stringify(document.querySelector('.chart').view.scale('x').domain())"
    whole = page.evaluate(domain)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function(f"({domain})() !== '{whole}'")
    before = page.locator("figure").first.inner_html()
    page.get_by_label("Show", exact=True).select_option("its last quarter")
    settle(page)
    assert page.locator("figure").first.inner_html() != before
    assert json.loads(page.evaluate(domain))[0] > 2.5


def test_an_unfinished_run_reloads_and_stays_where_it_was(open_page, unfinished, finished):
    page = open_page(unfinished)
    assert page.get_by_label("Reload this page").is_checked()
    page.get_by_role("button", name="Middle").click()
    page.reload()
    assert page.locator("#moment").inner_text() == "2 kimg"
    assert open_page(finished).locator("#reload").count() == 0


def test_commands_are_copied(open_page, finished):
    page = open_page(finished, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#repeat .copy").click()
    page.locator("#repeat").get_by_role("button", name="copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.rstrip().endswith("ganzoo run --config config.yaml") and "\nrecipe" not in text.split("cat >")[0]


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable_narrow_and_wide_light_and_dark(open_page, unfinished, width, scheme):
    page = open_page(unfinished, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    sizes = page.locator("#fake div").evaluate_all(WIDTHS)
    assert min(sizes) > 50
    assert min(page.locator(".pairs div").evaluate_all(WIDTHS)) > 40
    assert min(page.locator(".sheet div").evaluate_all(WIDTHS)) > 30


def test_the_closer_look_shows_each_image_above_its_nearest(open_page, unfinished):
    page = open_page(unfinished, viewport={"width": 1200, "height": 900})
    assert page.locator("#closer li").count() == 32 and page.locator("#closer .copy").inner_text() == "0.0"
    tiles = page.locator("#closer .pairs").first.locator("li").nth(9).locator("div")
    places = tiles.evaluate_all("all => all.map((one) => getComputedStyle(one).backgroundPosition)")
    assert places == ["14.29% 14.29%", "14.29% 42.86%"]  # the tenth generated image and its neighbour
    seen = tiles.first.evaluate("one => getComputedStyle(one).backgroundImage.slice(0, 16)")
    assert seen == 'url("data:image/'
    above, below = (tile.bounding_box() for tile in tiles.all())
    assert above["y"] + above["height"] <= below["y"] and above["x"] == below["x"]


def test_everything_is_reached_by_keyboard_alone(open_page, unfinished):
    page = open_page(unfinished)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 20)"))
    assert {"The story", "A closer look", "reload", "play", "time", "First", "Last", "range", "copy"} <= reached
