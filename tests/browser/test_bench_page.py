"""The leaderboard page in a real browser. Needs `pip install playwright` and a Chromium on the PATH."""

from __future__ import annotations

import re

import pytest
from support.bench_records import make_record, protocol, write_records
from support.leaderboard_page import PUBLISHED, Opened

from ganzoo.bench.leaderboard.report import write_report

pytestmark = pytest.mark.browser


def test_nothing_goes_wrong_and_nothing_is_asked_of_the_network(opened, file):
    assert opened.page.locator("figure svg").count() >= 3
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [file.as_uri()]
    assert opened.page.evaluate("window.evil") is None
    images = opened.page.locator("main img").all()
    assert images and all(image.evaluate("image => image.naturalWidth") == 272 for image in images)


def test_a_click_sorts_and_another_turns_it_round(opened):
    fid = opened.section("2,000 generated").get_by_role("button", name="FID", exact=True)
    head = fid.locator("xpath=..")
    fid.click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.column(3) == ["10.0", "22.0", "30.0", "60.0", "70.0", ""]
    fid.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.column(3) == ["70.0", "60.0", "30.0", "22.0", "10.0", ""]  # a row without a value stays last
    assert opened.section("2,000 generated").locator("th[aria-sort=descending], th[aria-sort=ascending]").count() == 1


def test_the_keyboard_sorts(opened):
    button = opened.section("2,000 generated").get_by_role("button", name="Minutes", exact=True)
    opened.section("2,000 generated").get_by_role("button", name="kimg", exact=True).focus()
    opened.page.keyboard.press("Tab")
    assert button.evaluate("button => document.activeElement === button")
    opened.page.keyboard.press("Enter")
    assert opened.column(9) == ["2.0", "4.0", "4.5", "5.0", "5.0", ""]
    opened.page.keyboard.press("Space")
    assert opened.column(9)[:2] == ["5.0", "5.0"]


def test_published_rows_take_part_in_the_order_but_look_otherwise(opened):
    group = opened.section("10,000 generated")
    assert opened.column(3, "10,000 generated") == ["15.0"]  # the published rows are folded
    group.get_by_role("button", name="7 published figures in the table").click()
    group.get_by_role("button", name="FID", exact=True).click()
    values = opened.column(3, "10,000 generated")
    assert values == sorted(values, key=float)
    assert values[0] == "15.0" and len(values) == 8
    published = group.locator("tr.published").first.locator("th")
    assert published.evaluate("cell => getComputedStyle(cell).fontStyle") == "italic"
    assert opened.section("2,000 generated").locator("tr.published").count() == 0


@pytest.mark.parametrize(
    ("label", "option", "left"),
    [
        ("Data", "cifar10", 1),
        ("Protocol", "10,000 against 10,000 test", 1),
        ("Hardware", "NVIDIA H100", 2),
        ("Budget", "10 min", 1),
        ("Budget", "5 min", 9),
    ],
)
def test_filters_hide_rows_and_empty_groups(opened, label, option, left):
    opened.choose(label, option)
    assert opened.page.locator("tr[data-id]:not([hidden])").count() == left
    assert opened.page.locator("output").inner_text() == f"{left} of 10 rows"
    assert opened.page.locator("main > section.group:visible").count() == {1: 1, 2: 2, 9: 3}[left]
    opened.page.get_by_role("button", name="Show all").click()
    opened.page.wait_for_function("document.querySelector('output').textContent === '10 of 10 rows'")
    assert opened.said == []


def test_scores_of_zero_and_below_are_drawn_inside_their_charts(browser, tmp_path):
    kid = protocol(ranked_by={"value": "kid_mean", "lower_is_better": True})
    values = {"mlp+minimax": -0.001, "dcgan+minimax": 0.0, "sngan+minimax": 0.02}
    records = [make_record(recipe, scores={"kid_mean": kid_mean}, protocol=kid) for recipe, kid_mean in values.items()]
    failed = [make_record(f"{name}+minimax", data="mnist", failed="no disk") for name in ("mlp", "dcgan")]
    write_records(tmp_path / "results", [*records, *failed])
    page = tmp_path / "leaderboard.html"
    write_report(tmp_path / "results", tmp_path / "LEADERBOARD.md", page, PUBLISHED)
    opened = Opened(browser, page, viewport={"width": 1280, "height": 900})
    assert opened.said == []
    names = opened.page.locator("figure").evaluate_all("all => all.map((one) => one.dataset.chart)")
    assert names == ["time", "matrix"]  # none of the group without scores
    heights = opened.page.locator("figure svg").evaluate_all("all => all.map((one) => one.clientHeight)")
    assert max(heights) < 500
    matrix = opened.page.locator("figure[data-chart=matrix] svg .role-mark text").all_text_contents()
    assert sorted(matrix) == ["0", "0.02", "\N{MINUS SIGN}0.001"]
    opened.context.close()


def marks(opened, chart: str, shape: str) -> int:
    figure = opened.section("2,000 generated").locator(f"figure[data-chart={chart}]")
    return figure.locator(f"svg .{shape}:not(.role-legend-symbol) > path").count()


def test_charts_draw_what_the_filters_leave(opened):
    points = "mark-symbol.role-mark"
    assert marks(opened, "time", points) == 5  # without the failed row and the one trained beside others
    assert marks(opened, "matrix", "mark-rect.role-mark") == 6
    opened.choose("Budget", "10 min")
    assert marks(opened, "time", points) == 2  # a point for each machine
    opened.choose("Hardware", "NVIDIA H100")
    assert marks(opened, "time", points) == 1
    assert marks(opened, "matrix", "mark-rect.role-mark") == 1


def test_a_failed_cell_says_so(opened):
    matrix = opened.section("2,000 generated").locator("figure[data-chart=matrix] svg")
    assert "failed" in matrix.text_content()


def test_the_way_is_drawn_over_images_or_over_time(opened):
    figure = opened.section("2,000 generated").locator("figure[data-chart=curve]")
    lines = "svg .mark-line.role-mark > path"
    assert figure.locator(lines).count() == 7
    figure.get_by_role("combobox").select_option("over training time")
    opened.settle()
    assert figure.locator(lines).count() == 6  # without the row that was trained beside others
    assert "minutes of training" in figure.locator("svg").text_content()


def test_a_sample_grid_is_enlarged_and_put_away(opened):
    thumbnail = opened.page.locator("button.thumb").first
    thumbnail.click()
    large = opened.page.locator("dialog img")
    assert large.is_visible()
    assert large.get_attribute("src") == thumbnail.locator("img").get_attribute("src")
    opened.page.keyboard.press("Escape")
    assert not large.is_visible()


def test_a_command_is_copied(opened):
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = opened.section("2,000 generated").locator("tbody tr").first
    row.get_by_role("button", name="Details of dcgan+wgan-gp").click()
    inside = opened.section("2,000 generated").locator("tr.inside").first
    inside.get_by_role("button", name="copy").click()
    inside.get_by_role("button", name="copied").wait_for()
    assert opened.page.evaluate("navigator.clipboard.readText()") == "ganzoo run dcgan+wgan-gp seed=0"


@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_itself_never_scrolls_sideways(browser, file, tmp_path, width, scheme):
    opened = Opened(browser, file, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.page.locator("details#older summary").click()
    opened.settle()
    for button in opened.page.locator(".unfold:visible, .fold:visible").all():
        button.click()
    opened.page.locator("details#elsewhere summary").click()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    if width >= 1280:  # every column of every table fits
        wide = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"
        assert opened.page.evaluate(wide) == 0
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    assert opened.said == []
    opened.context.close()


def test_each_seed_stands_beside_the_mean_and_the_claims_below(opened):
    group = opened.section("2,000 generated")
    assert group.locator("small.seeds", has_text="2 seeds: 20.00, 24.00").get_attribute("title") == (
        "seed 0: 20.00; seed 1: 24.00"
    )
    claims = group.locator(".claims").inner_text()
    assert claims.startswith("#1 dcgan+wgan-gp") and "the seeds separate" in claims and "One seed: no claim" in claims


def test_older_grids_are_folded_and_drawn_when_they_are_opened(opened):
    folded = opened.page.locator("details#older")
    section = folded.locator("section.group")
    assert not section.is_visible() and section.locator("svg").count() == 0
    folded.locator("summary").click()
    section.locator("figure[data-chart=matrix] svg").wait_for()
    opened.settle()
    assert section.locator("tr[data-id]:visible").count() == 2
    assert section.locator("figure[data-chart=matrix] svg .mark-rect.role-mark > path").count() == 2
    opened.choose("Data", "cifar10")
    assert not folded.is_visible()
    opened.page.get_by_role("button", name="Show all").click()
    folded.wait_for()
    assert opened.said == []
