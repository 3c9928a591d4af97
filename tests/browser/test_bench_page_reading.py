"""The leaderboard page for readers: opening table, details, links, axes, and the page without scripts."""

from __future__ import annotations

import pytest
from support.leaderboard_page import Opened

pytestmark = pytest.mark.browser


def test_a_row_unfolds_by_the_keyboard_and_folds_again(opened):
    button = opened.page.get_by_role("button", name="Details of dcgan+wgan-gp")
    inside = opened.page.locator(f"#{button.get_attribute('aria-controls')}")
    assert not inside.is_visible()
    button.focus()
    opened.page.keyboard.press("Enter")
    assert inside.is_visible() and button.get_attribute("aria-expanded") == "true"
    rows = [row.inner_text() for row in inside.locator("table.machines tbody tr").all()]
    assert ["seed 0: 9.00" in rows[0], "10.0" in rows[0], "seed 1: 11.00" in rows[1], "2.0" in rows[1]] == [True] * 4
    opened.section("2,000 generated").get_by_role("button", name="FID", exact=True).click()
    assert inside.evaluate("inside => inside.previousElementSibling.cells[2].dataset.value") == "10.0"
    opened.page.keyboard.press("Tab")
    opened.choose("Hardware", "NVIDIA H100")
    assert inside.locator("table.machines tbody tr:visible").count() == 1
    button.click()
    assert not inside.is_visible() and button.get_attribute("aria-expanded") == "false"


def test_the_opening_table_leads_to_rows_that_a_filter_hides(opened):
    table = opened.page.locator(".overview:visible table")
    heads = table.locator("th[scope=col], th[scope=row]")
    assert heads.count() == 1 + 3 + 4  # the losses, then the architectures
    opened.choose("Data", "cifar10")
    table.get_by_role("link", name="60.00").click()
    row = opened.page.locator("tr[data-id]:target")
    opened.page.wait_for_function("document.querySelector('output').textContent === '10 of 10 rows'")
    assert "mlp" in row.inner_text() and row.locator("xpath=following-sibling::tr[1]").is_visible()
    assert row.evaluate("row => row.getBoundingClientRect().top < innerHeight && row.getBoundingClientRect().top > 0")
    assert opened.said == []


def test_a_select_shows_another_opening_table(opened):
    label = "fashion-mnist, 10,000 against 10,000 test, 5 min"
    opened.choose("Data, protocol and budget", label)
    assert opened.page.locator(".overview:visible td a").all_inner_texts() == ["15.00"]
    assert opened.page.locator(".overview:visible").count() == 1


def test_a_link_opens_the_older_grids(browser, file):
    opened = Opened(browser, file)
    number = opened.page.locator("details#older tr[data-id]").first.get_attribute("data-id")
    opened.page.goto(f"{file.as_uri()}#row-{number}")
    opened.page.locator(f"#row-{number}").wait_for()
    opened.page.locator(f"#inside-{number}").wait_for()
    opened.context.close()


def test_the_value_axis_ends_just_beside_the_results(opened):
    section = opened.section("2,000 generated")
    low, high = section.locator("figure[data-chart=time] .chart").evaluate("chart => chart.view.scale('y').domain()")
    assert 9.0 / 1.2 < low < 9.0 and 70.0 < high < 70.0 * 1.2
    low, high = section.locator("figure[data-chart=curve] .chart").evaluate("chart => chart.view.scale('y').domain()")
    assert 27.0 / 1.2 < low < 27.0  # 9 * (1 + 20 / 10) is the last point of the best run
    assert high < 70.0 * 3 * 1.5 * 1.2 < 70.0 * 11  # the first point of the worst run is outside


def test_ticks_are_round(opened):
    opened.choose("Budget", "10 min")
    axis = opened.section("2,000 generated").locator("figure[data-chart=time] .role-axis-label text")
    assert set(axis.all_text_contents()) >= {"2", "5", "10"}


def test_without_scripts_everything_can_be_read(browser, file):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".overview table").first.is_visible()
    assert page.locator("main > section tr.inside:visible").count() == 8
    published = page.locator("main > section tr.published")  # in every group
    assert page.locator("tr.published:visible").count() == published.count() > 7
    assert page.locator(".unfold:visible, .fold:visible, #choice:visible").count() == 0
    page.get_by_role("link", name="60.00").click()
    assert page.url.endswith(f"#{page.locator('tr:target').get_attribute('id')}")
    context.close()
