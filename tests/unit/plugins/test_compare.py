"""Tests of `ganzoo compare`: runs side by side in the terminal and on a page."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from support.browsing import CONTRASTS, settle
from support.report_runs import write_run

from ganzoo.cli.main import main
from ganzoo.errors import GanzooError
from ganzoo_report.compare.runs import SNAPSHOTS, differences, incomparable, read_runs, summary, tell_apart
from ganzoo_report.compare.terminal import print_runs

EVIL = '"><img src=x onerror="window.evil=1">.[0]'


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A run, a critic without a border and with half as long a log, and an empty run with a malicious name."""
    directory = tmp_path_factory.mktemp("runs")
    one = write_run(directory / "one")
    two = write_run(
        directory / "two.x", recipe="dcgan+wgan-gp", probability=False, border=False, budget=8.0, scores=False
    )
    log = [json.loads(line) for line in (two / "log.jsonl").read_text().splitlines()]
    half = [{k: v for k, v in record.items() if not k.startswith("accuracy")} for record in log[:10]]
    (two / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in half))
    three = directory / EVIL.replace("/", "")
    three.mkdir()
    shutil.copy(one / "config.yaml", three)
    (three / "provenance.json").write_text("{}")
    (three / "samples").mkdir()
    return [one, two, three]


def printed(runs, width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_runs(runs, console)
    return console.file.getvalue()


def test_what_they_are_and_how_they_did(paths):
    runs = read_runs(paths)
    rows = dict(summary(runs))
    assert rows["combination"] == ["mlp+minimax", "dcgan+wgan-gp", "mlp+minimax"]
    assert rows["trained"] == ["4 of 4 kimg", "2 of 8 kimg", "0 of 4 kimg"]
    assert rows["time"] == ["40 s", "20 s", "–"]
    assert rows["best FID"] == ["86.00 at 4 kimg", "–", "–"] and rows["pairs ranked correctly"][0] == "70.0%"
    assert differences(runs) == [("loop.kimg", ["4", "8", "4"])]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_shows_them_abreast(paths, width):
    out = printed(read_runs(paths), width)
    assert max(map(len, out.splitlines())) <= width
    for words in ("combination", "FID", "real images", "loss, generator", "Settings that differ", "at the end"):
        assert words in out
    assert out.count("combination") == (1 if width >= 120 else 2 if width >= 80 else 3)
    curve = [line for line in out.splitlines() if line.startswith("pairs ranked correctly")][1]
    if width >= 80:
        first, second = (curve[curve.index("70.0%") + 6 :]).split("70.0%")
        assert len(first.strip()) >= 1.8 * len(second.split("–")[0].strip())  # the second run is half as long


def test_a_terminal_of_ascii_alone(paths):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_runs(read_runs(paths), Console(file=stream, width=100, color_system=None))
    stream.flush()
    assert "#" in stream.buffer.getvalue().decode("ascii")


def test_fids_of_other_protocols_are_not_compared(tmp_path):
    for name, fakes in (("a", 1000), ("b", 10000)):
        write_run(tmp_path / name)
        (tmp_path / name / "score.json").write_text(json.dumps({"protocol": {"fake_pictures": fakes}}))
    runs = read_runs([tmp_path / "a", tmp_path / "b"])
    assert "differ in fake_pictures" in incomparable(runs)
    assert "not comparable" in " ".join(printed(runs, 80).split())


def test_fids_against_other_images_are_not_compared(tmp_path):
    for name, more in (("a", {}), ("b", {"fingerprint": "f" * 64}), ("c", {"fingerprint": "e" * 64})):
        write_run(tmp_path / name)
        (tmp_path / name / "score.json").write_text(json.dumps({"protocol": {"fake_pictures": 10, **more}}))
    a, b, c = read_runs([tmp_path / name for name in "abc"])
    assert "differ in fingerprint" in incomparable([b, c])
    assert incomparable([a, b]) == ""  # an older protocol does not name it


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["/w/a/run", "/w/b/run"], ["a", "b"]),
        (["/w/dcgan-1", "/w/mlp-1"], ["dcgan-1", "mlp-1"]),
        (["/one/a/x", "/two/a/x", "/two/b/x"], ["one/a", "two/a", "two/b"]),
        (["/w/x", "/w/x/x"], ["w", "x"]),
    ],
)
def test_runs_are_told_apart_in_few_words(places, names):
    assert tell_apart([Path(place) for place in places]) == names


def test_bad_input_is_one_line(paths, tmp_path, capsys):
    for given, words in (
        (paths[:1], "two runs or more"),
        ([paths[0], paths[0]], "named twice"),
        ([paths[0], tmp_path], "not a run directory"),
        ([*paths[:2], "--html", tmp_path], "is a directory"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["compare", *map(str, given)])
        printed_lines = capsys.readouterr().err.splitlines()
        assert stop.value.code == 2 and len(printed_lines) == 1 and words in printed_lines[0]
    with pytest.raises(GanzooError):
        read_runs([])


@pytest.fixture(scope="module")
def page_file(paths):
    with pytest.raises(SystemExit) as stop:
        main(["compare", *map(str, paths), "--html", str(paths[0].parent / "out/compared.html")])
    assert stop.value.code == 0
    return paths[0].parent / "out/compared.html"


@pytest.mark.browser
def test_the_page_moves_and_hovers(open_page, page_file):
    page = open_page(page_file, viewport={"width": 1600, "height": 1000})
    assert page.evaluate("window.evil") is None
    says = page.locator(".run .says")
    assert "at 4 kimg" in says.nth(0).inner_text() and says.nth(2).inner_text() == "No images."
    before = page.locator(".run li").first.get_attribute("class"), says.nth(0).inner_text()
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert page.locator("#moment").inner_text() == "0 kimg"
    page.wait_for_function("document.querySelectorAll('.run:first-child .fake').length > 13")
    assert says.nth(0).inner_text() != before[1]
    chart = page.locator("figure", has_text="pairs ranked correctly").locator("svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 3)
    page.locator("#vg-tooltip-element.visible").wait_for()
    cells = page.locator("#vg-tooltip-element tr").all_inner_texts()
    assert any("two.x" in cell and "70.0%" in cell for cell in cells)  # a dot in a name is not a nested field


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable(open_page, page_file, width, scheme):
    page = open_page(page_file, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    settle(page)


@pytest.mark.browser
def test_the_lines_of_many_runs_differ(open_page, tmp_path):
    paths = [write_run(tmp_path / f"run{number}") for number in range(12)]
    with pytest.raises(SystemExit):
        main(["compare", *map(str, paths), "--html", str(tmp_path / "page.html")])
    page = open_page(tmp_path / "page.html", viewport={"width": 1600, "height": 1000})
    for title in ("Speed", "FID"):  # lines alone, and lines with dots
        symbols = page.locator("figure", has_text=title).locator(".role-legend-symbol path")
        looks = symbols.evaluate_all(
            "all => all.map((s) => s.getAttribute('stroke') + s.getAttribute('stroke-dasharray'))"
        )
        assert len(set(looks)) == 12


def test_many_snapshots_are_thinned_to_what_a_page_holds(tmp_path):
    for name in ("one", "two"):
        run = write_run(tmp_path / name, steps=2)
        for step in range(1, 99):
            shutil.copy(run / "samples/kimg000000.000.png", run / f"samples/kimg{step / 25:010.3f}.png")
    runs = read_runs([tmp_path / "one", tmp_path / "two"])
    assert [len(run.story.snapshots) for run in runs] == [SNAPSHOTS // 2] * 2
    assert runs[0].story.snapshots[-1].kimg == 4
