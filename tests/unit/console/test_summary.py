"""The last lines about a run: what was scored against what, without control characters of others."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.runs import write_untrained

import ganzoo
from ganzoo.console.display import Display, _line
from ganzoo.console.summary import score_line, summary
from ganzoo.metrics.score import Score
from ganzoo.runs.reader import read_facts

PROTOCOL = {"fake_pictures": 20, "real_pictures": 30, "reference": "cifar10", "split": "test"}


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({}, "20 generated against 30 test images of cifar10"),
        ({"scored": "IMAGES"}, "20 images of IMAGES against 30 test images of cifar10"),
        ({"scored": "a.npz", "fake_pictures": None}, "the statistics in a.npz against 30 test images of cifar10"),
        (
            {"split": "statistics", "reference": "b.npz", "real_pictures": None},
            "20 generated against the statistics in b.npz",
        ),
    ],
)
def test_both_sides_are_said(protocol, words):
    assert score_line(Score({"fid": 12.345}, {**PROTOCOL, **protocol}, 0.0)) == f"score: fid 12.35: {words}"


def test_nothing_of_a_run_steers_the_terminal(tmp_path):
    score = Score({"fid\x1b]0;x\x07": 1.0}, {**PROTOCOL, "reference": "a\nb\x1b[2J"}, 0.0)
    run = SimpleNamespace(path=tmp_path / "r\x1b[1m", samples=[tmp_path / "kimg\x1b[0m.png"], score=score)
    lines = summary(run)
    assert len(lines) == 3 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize("written", ['{"values": {"fid": 3.0}}', '{"foo": 1}', '{"values": 1, "protocol": {}}'])
def test_a_damaged_score_is_no_score(tmp_path, written):
    directory = write_untrained(tmp_path / "run")
    directory.score_file.write_text(written)
    run = ganzoo.load(tmp_path / "run")
    assert run.score is None and repr(run).startswith("Run(") and summary(run)[0] == "score: none"


def test_a_score_without_a_whole_protocol_is_shown(tmp_path):
    directory = write_untrained(tmp_path / "run")
    directory.score_file.write_text('{"values": {"fid": 3.0, "kid": "x"}, "protocol": {}}')
    run = ganzoo.load(tmp_path / "run")
    assert run.score.values == {"fid": 3.0} and summary(run)[0].startswith("score: fid 3: ")


@pytest.mark.parametrize(("speed", "left"), [(100.0, "     0 s left"), (1e-320, "")])
def test_the_time_left_is_a_time(speed, left):
    line = _line({"kimg": 4.1 if left else 0.0, "pictures_per_second": speed}, budget=1000)
    assert line.endswith("images/s" + left)


def test_names_between_colons_are_no_emoji():
    console = Console(file=io.StringIO(), width=100)
    display = Display(console)
    display.note("folder:cat: 10 of 10 images")
    display.warn("folder:horse: 1 converted")
    assert console.file.getvalue() == "folder:cat: 10 of 10 images\nwarning: folder:horse: 1 converted\n"


def test_a_published_run_has_the_kimg_of_its_checkpoint(tmp_path):
    directory = write_untrained(tmp_path / "run")
    directory.log_file.unlink()
    facts = read_facts(directory)
    assert (facts.kimg, facts.finished) == (3.0, True)
