"""The lesson: its pictures are small and self-contained, its numbers match its text, its terms are in the glossary."""

from __future__ import annotations

import importlib
import json
import math
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from support.report_runs import write_run

from ganzoo.config.resolve import resolve
from ganzoo.runs.run_dir import RunDir

DOCS = Path(__file__).parents[2] / "docs"
ASSETS = DOCS / "assets" / "lesson"
PAGE = (DOCS / "lesson.md").read_text()
PICTURES = sorted(path.name for path in ASSETS.glob("*.svg"))


@pytest.fixture
def lesson(monkeypatch):
    """A function that imports a script of the lesson by name."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module


def test_the_lesson_takes_less_than_500_kilobytes():
    files = [path for path in ASSETS.iterdir() if path.suffix != ".json"]
    assert sum(path.stat().st_size for path in [*files, DOCS / "lesson.md"]) < 500_000


def test_every_picture_is_shown_and_described():
    shown = re.findall(r"!?\[([^\]]*)\]\(assets/lesson/([\w-]+\.svg)\)", PAGE)
    assert sorted(name for _, name in shown) == PICTURES
    assert all(len(description) > 10 for description, _ in shown)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_carries_all_it_needs(name):
    root = ET.parse(ASSETS / name).getroot()
    assert root.find("{*}title") is not None
    addresses = [value for one in root.iter() for key, value in one.attrib.items() if key.endswith("href")]
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "prefers-color-scheme: dark" in root.find("{*}style").text


def test_the_slopes_are_those_of_the_losses(lesson):
    maker = lesson("make_lesson")
    rows = json.loads(maker.FIGURES.read_text())["tables"]["slopes"][2:]
    assert [int(row[0]) for row in rows] == list(maker.LOGITS)
    for logit, _, minimax, non_saturating in rows:
        probability = 1 / (1 + math.exp(-float(logit)))
        assert float(minimax) == pytest.approx(-probability, abs=1e-4)
        assert float(non_saturating) == pytest.approx(probability - 1, abs=1e-4)


def test_the_figures_tell_what_the_words_do():
    """The numbers of the runs agree with the text of the lesson. If new runs differ, the text must change too."""
    words = json.loads((ASSETS / "lesson.json").read_text())["words"]
    assert float(words["plain_auc_first"]) > 0.9
    assert float(words["plain_auc_least"]) < float(words["plain_auc_last"])
    assert 0.5 < float(words["auc_least"]) < float(words["auc_last"]) < float(words["auc_most"]) < 0.85
    assert float(words["least_ratio"]) > 10
    assert abs(float(words["loss_d_last"]) - float(words["loss_d_first"])) < 0.1
    moments = json.loads((ASSETS / "lesson.json").read_text())["tables"]["moments"]
    assert [row[-1] for row in moments if row[0] == "5"] == ["0"]
    assert int(words["accuracy_fake_first"].rstrip("%")) < 50 < int(words["accuracy_real_first"].rstrip("%"))


def test_the_commands_are_those_of_the_runs(lesson, registry):
    maker = lesson("make_lesson")
    for arguments in maker.RUNS.values():
        assert shlex.join(["ganzoo", "run", *arguments]) in PAGE
        recipe, *settings = arguments
        resolve(registry, recipe, None, settings)


def test_the_messages_are_those_of_the_report(lesson, tmp_path):
    maker = lesson("make_lesson")
    run = RunDir.open(write_run(tmp_path / "run"))
    with pytest.raises(SystemExit, match=r"the report says .*the lesson needs 'Mode collapse suspected'"):
        maker.finding(run, "Mode collapse suspected")


def test_pictures_are_drawn_from_any_run(lesson, tmp_path):
    pictures = lesson("lesson_pictures")
    run = RunDir.open(write_run(tmp_path / "run"))
    story = ET.fromstring(pictures.story(run))
    rows = [image for image in story.iter() if image.tag.endswith("}image")]
    assert len(rows) == len(pictures.MOMENTS) + 1
    verdicts = [text.text for text in story.iter() if text.tag.endswith("}text") and "%" in (text.text or "")]
    assert len(verdicts) == len(pictures.MOMENTS) * pictures.COLUMNS
    for drawn in (pictures.curves(run), pictures.collapse(run, run), pictures.vanishing({"minimax": run})):
        assert ET.fromstring(drawn).find("{*}title") is not None


def test_the_lesson_and_the_glossary_use_the_same_words():
    glossary = (DOCS / "glossary.md").read_text()
    terms = {
        re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-") for term in re.findall(r"^### (.+)$", glossary, re.M)
    }
    linked = set(re.findall(r"glossary\.md#([\w-]+)", PAGE))
    assert linked <= terms
    needed = """latent generator sample fake discriminator logit loss minimax non-saturating-loss vanishing-gradient
                accuracy auc mode-collapse fid floor"""
    assert linked >= set(needed.split())
    assert "lesson.md" in glossary
