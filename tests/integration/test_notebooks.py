"""The notebooks of the documentation: each runs from its first cell to its last and shows the expected results.

Slow tests run the notebooks unchanged; the other tests reduce the number of images.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from support.notebooks import NOTEBOOKS, execute, outputs, printed, read

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
INSTALL = """\
# Installs ganzoo if it is missing, for example on Colab.
try:
    import ganzoo
except ImportError:
    %pip install --quiet "ganzoo[offline,notebooks]>=0.1"
    import ganzoo
"""


FEWER = {
    "lesson": {"range(120)": "range(30)", '"loop.kimg": 4, "loop.log_kimg"': '"loop.kimg": 2, "loop.log_kimg"'},
    "own_images": {"range(48)": "range(12)", '"loop.kimg": 3': '"loop.kimg": 0.5', "samples=48": "samples=16"},
    "write_a_loss": {'"loop.kimg": 4': '"loop.kimg": 0.5'},
    "leaderboard_pandas": {"--kimg 5 --set metrics.fakes=100": "--kimg 0.5 --set metrics.fakes=16"},
}


def brief_and_letter(name):
    """Return the parameters of a fixture that runs a notebook with fewer images and, as a slow test, unchanged."""
    return {
        "params": [FEWER[name], pytest.param({}, marks=pytest.mark.slow)],
        "ids": ["brief", "letter"],
        "scope": "module",
    }


def badges():
    """Import the module ``docs/make_badges.py``."""
    spec = importlib.util.spec_from_file_location("make_badges", ROOT / "docs/make_badges.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_installs_what_is_missing_and_has_no_outputs(name):
    code = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert code[0].source.startswith(INSTALL)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_the_page_lists_every_notebook():
    page = (NOTEBOOKS / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[[^\]]+\]\((\w+\.ipynb)\)", page, re.M)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_links_of_a_notebook_lead_somewhere(name):
    text = "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [target for target in targets if not (NOTEBOOKS / target).exists()] == []


def test_links_to_colab_come_from_one_address(tmp_path, monkeypatch):
    maker = badges()
    assert maker.made(maker.repository()) == {path: path.read_text() for path in maker.made("")}
    without = {path.name: content for path, content in maker.made("").items()}
    for path, content in maker.made("OWNER/NAME").items():
        found = re.findall(r"https://colab\.research\.google\.com/github/OWNER/NAME/blob/main/docs/([\w./]+)", content)
        named = re.findall(r"\]\((\w+\.ipynb)\) ·", content) if path.suffix == ".md" else [path.name]
        assert found == [f"notebooks/{name}" for name in named]
        assert found
        (tmp_path / path.name).write_text(content)
    monkeypatch.setattr(maker, "NOTEBOOKS", tmp_path)
    assert {path.name: content for path, content in maker.made("").items()} == without


def test_an_address_that_colab_cannot_open_is_refused(tmp_path, monkeypatch):
    maker = badges()
    monkeypatch.setattr(maker, "ROOT", tmp_path)
    (tmp_path / "mkdocs.yml").write_text("repo_url: https://example.org/OWNER/NAME\n")
    with pytest.raises(ValueError, match=r"repo_url is https://example\.org"):
        maker.repository()
    (tmp_path / "mkdocs.yml").write_text("repo_url: https://github.com/OWNER/NAME.git\n")
    assert maker.repository() == "OWNER/NAME"


@pytest.fixture(**brief_and_letter("lesson"))
def lesson(request, tmp_path_factory):
    return execute("lesson.ipynb", tmp_path_factory.mktemp("lesson"), request.param)


@pytest.mark.long
def test_the_system_and_every_step_are_shown(lesson):
    assert "<svg" in outputs(lesson[1], "image/svg+xml")[0]
    assert sum(len(outputs(cell, "image/png")) for cell in lesson) == 7


@pytest.mark.long
def test_the_losses_by_hand_are_those_of_ganzoo(lesson):
    pairs = re.findall(r"^(?:discriminator:|generator:) +([\d.]+) ([\d.]+)$", printed(lesson), re.M)
    assert len(pairs) == 2
    for by_hand, computed in pairs:
        assert float(by_hand) == pytest.approx(float(computed), rel=1e-5)


@pytest.mark.long
def test_the_gradient_reaches_pixels_and_weights(lesson):
    norms = re.findall(r"^at the .*?([\d.e-]+)$", printed(lesson), re.M)
    assert len(norms) == 2
    assert all(float(norm) > 0 for norm in norms)


@pytest.mark.long
def test_the_collapsed_run_has_less_variety(lesson):
    good, collapsed = (int(re.search(rf"^{name}: (\d+)%", printed(lesson), re.M)[1]) for name in ("good", "collapsed"))
    assert collapsed < 60 < good


@pytest.fixture(**brief_and_letter("own_images"))
def own_images(request, tmp_path_factory):
    return execute("own_images.ipynb", tmp_path_factory.mktemp("own"), request.param)


@pytest.mark.long
def test_a_picture_that_cannot_be_used_is_named(own_images):
    assert re.search(r"(damaged|transparent)\.png", printed(own_images[2:3]))


@pytest.mark.long
def test_what_was_skipped_and_changed_is_counted(own_images):
    html = " ".join(outputs(own_images[3], "text/html")[-1].split())
    assert "padded" in html
    assert "flattened" in html
    assert "skipped" in html


@pytest.mark.long
def test_classes_are_the_directories(own_images):
    assert "('circles', 'squares')" in printed(own_images)


@pytest.mark.long
def test_it_ends_with_a_score(own_images):
    assert "'fid':" in outputs(own_images[-1], "text/plain")[-1]


@pytest.fixture(**brief_and_letter("write_a_loss"))
def write_a_loss(request, tmp_path_factory):
    return execute("write_a_loss.ipynb", tmp_path_factory.mktemp("loss"), request.param)


@pytest.mark.long
def test_the_kit_finds_the_overflow_and_then_nothing(write_a_loss):
    said = printed(write_a_loss)
    assert said.index("FAILED   finite_gradients") < said.index(" does not conform: ") < said.index(" conforms: ")


@pytest.mark.long
def test_it_is_registered_and_trained(write_a_loss):
    assert "'soft-hinge'" in "".join(outputs(write_a_loss[5], "text/plain"))
    assert len(outputs(write_a_loss[-1], "image/png")) == 2  # the curves, and the samples of both runs


def test_the_tutorial_and_the_notebook_write_the_same_loss():
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    body = "return softplus(margin - d_real).mean() + softplus(margin + d_fake).mean()"
    assert body in tutorial
    assert any(body in cell.source for cell in read("write_a_loss.ipynb").cells)


@pytest.fixture(scope="module")
def leaderboard(tmp_path_factory):
    place = tmp_path_factory.mktemp("clone")
    (place / "benchmarks").symlink_to(ROOT / "benchmarks")
    return execute("leaderboard_pandas.ipynb", place, {})


@pytest.mark.long
def test_every_scored_record_is_read(leaderboard):
    records = [json.loads(path.read_text()) for path in (ROOT / "benchmarks/results").glob("*/*.json")]
    scored = sum(1 for one in records if one.get("status") == "done" and "fid" in one["scores"])
    assert f"{scored} records, " in printed(leaderboard)


@pytest.mark.long
def test_seeds_and_plots_are_shown(leaderboard):
    assert "seeds" in outputs(leaderboard[2], "text/html")[0]
    assert all(outputs(cell, "image/png") for cell in leaderboard[3:5])


@pytest.mark.slow
def test_without_a_clone_the_leaderboard_notebook_makes_its_own_records(tmp_path):
    cells = execute("leaderboard_pandas.ipynb", tmp_path, FEWER["leaderboard_pandas"])
    assert "4 records, " in printed(cells)
