"""What the terminal shows during a wait, tested with a clock that only the tests advance."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from rich.console import Console

from ganzoo.console.display import Display, LiveDisplay
from ganzoo.console.messages import showing, to_stderr
from ganzoo.console.waits import Bars, Lines
from ganzoo.utils.waiting import aside, counted, waiting, watched_by, watcher


class Time:
    """A clock that tests advance, and a ticker that then updates every open wait."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ticks: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return self.now

    @contextmanager
    def ticker(self, tick):
        self.ticks.append(tick)
        yield
        self.ticks.remove(tick)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for tick in [*self.ticks]:
            tick()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def empty(shown: str) -> bool:
    """Return whether the terminal's last line is empty and its cursor visible."""
    return shown.endswith("\x1b[2K\x1b[?25h\r")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lines(time):
    stream = io.StringIO()
    with watched_by(Lines(stream, time, time.ticker)):
        yield lambda: stream.getvalue().splitlines()


@pytest.fixture
def bars(time, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with watched_by(Bars(time, time.ticker)):
        yield stream


def test_a_line_after_two_seconds_then_every_ten_and_one_at_the_end(time, lines):
    with waiting("hashing set.zip", 100, "files") as advance:
        time.passes(1.9)
        assert lines() == []
        advance(10)
        time.passes(0.1)
        assert lines() == ["hashing set.zip: 10 of 100 files, 2 s, about 18 s left"]
        time.passes(9.9)
        assert len(lines()) == 1
        advance(40)
        time.passes(0.1)
        assert lines()[1:] == ["hashing set.zip: 50 of 100 files, 12 s, about 12 s left"]
        advance(50)
        time.passes(5)
    assert lines()[2:] == ["hashing set.zip: done in 17 s"]


def test_a_short_wait_says_nothing(time, lines, bars):
    for _ in range(3):
        with waiting("decoding mnist", 3):
            time.passes(1.9)
    assert lines() == [] and bars.getvalue() == ""


def test_work_that_cannot_count_says_for_how_long(time, lines):
    with waiting("downloading mnist"):
        time.passes(2)
        time.passes(148)
    assert lines() == [
        "downloading mnist: 2 s",
        "downloading mnist: 2 min 30 s",
        "downloading mnist: done in 2 min 30 s",
    ]


def test_of_nested_waits_the_inner_one_speaks(time, lines):
    with waiting("looking closer"):
        for _ in counted("reading real images", range(2), 2, "images"):
            time.passes(10)
        time.passes(10)
    assert lines() == [
        "reading real images: 0 of 2 images, 10 s",
        "reading real images: 1 of 2 images, 20 s, about 20 s left",
        "reading real images: done in 20 s",
        "looking closer: 30 s",
        "looking closer: done in 30 s",
    ]


def test_work_that_fails_is_not_said_to_be_done(time, lines):
    with pytest.raises(ValueError), waiting("hashing"):
        time.passes(3)
        raise ValueError
    assert lines() == ["hashing: 3 s"]


def test_names_cannot_steer_the_terminal(time, lines):
    with waiting("hashing \x1b[2J"):
        time.passes(3)
    assert lines()[0] == "hashing \\x1b[2J: 3 s"


def test_other_ranks_say_nothing(time, lines, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with waiting("hashing"):
        time.passes(30)
    assert lines() == []


def test_nobody_watches_a_program(time, capsys):
    with waiting("hashing", 3) as advance:
        advance()
    assert list(counted("decoding", "abc")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_terminal_goes_when_the_work_is_done(time, bars):
    with waiting("hashing [x]", 4, "files") as advance:
        time.passes(1)
        assert bars.getvalue() == ""
        advance()
        time.passes(3)
    shown = bars.getvalue()
    assert "hashing [x]" in shown and "1 of 4 files, 4 s, about 12 s left" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is visible again
    assert empty(shown)


def test_what_is_printed_meanwhile_is_not_drawn_over(time, bars, monkeypatch):
    monkeypatch.setattr(sys, "stderr", bars)  # pytest replaces stderr between the fixture and the test
    with showing(to_stderr()), waiting("training") as advance:
        time.passes(3)
        logging.getLogger("ganzoo.x").warning("careful")
        assert empty(bars.getvalue().partition("\x1b[33mwarning: careful")[0])
        time.passes(1)
        assert "training" in bars.getvalue().partition("careful")[2]
        with aside():
            assert empty(bars.getvalue())
        time.passes(1)
        assert "5 s" in bars.getvalue().rpartition("\x1b[?25h")[2], bars.getvalue()
        advance()


def test_the_end_of_a_program_takes_the_bar_of_work_that_failed(time, bars):
    work = counted("decoding", range(9), 9)
    next(work)
    time.passes(3)
    watcher().close()
    assert empty(bars.getvalue())
    time.passes(3)
    assert empty(bars.getvalue())
    work.close()


def test_show_progress_shows_waits_as_well(time, capsys, monkeypatch):
    monkeypatch.setattr("ganzoo.console.waits.SHORT", 0)
    monkeypatch.setattr("ganzoo.console.waits.in_thread", time.ticker)
    display = Display(Console(file=io.StringIO()))
    monkeypatch.setattr(display, "waits", lambda: Lines(clock=time, ticker=time.ticker))
    with display.watching(), waiting("decoding mnist"):
        time.passes(3)
    assert capsys.readouterr().err.splitlines() == ["decoding mnist: 3 s", "decoding mnist: done in 3 s"]


def test_a_live_display_shows_waits_among_its_bars(time):
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    display = LiveDisplay(console)
    watcher = display.waits()
    watcher.clock, watcher.ticker = time, time.ticker
    display.begin("a run", 1000)
    try:
        with watched_by(watcher), waiting("computing scores", 2):
            time.passes(3)
            assert [task.description for task in display._progress.tasks] == ["training", "computing scores"]
        assert [task.description for task in display._progress.tasks] == ["training"]
        assert display._live.is_started
    finally:
        display.close()
