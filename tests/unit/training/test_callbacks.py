"""The events of a run: who receives them (display, callbacks, plugin hooks), when, and how the end is reported."""

from __future__ import annotations

import io
import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.runs import start

from ganzoo import hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.console.messages import Messages, showing, to_stderr
from ganzoo.distributed import collectives
from ganzoo.errors import WriteFailed
from ganzoo.metrics import configured
from ganzoo.metrics.score import Score
from ganzoo.plugin.registry import Registry
from ganzoo.training.callbacks import Callback, audience
from ganzoo.training.loop import Loop
from ganzoo.utils.lock import alone_in

pytestmark = pytest.mark.seconds

EVENTS = ("run_started", "interval_logged", "snapshot_taken", "checkpoint_written", "scored", "run_finished",
          "run_stopped")  # fmt: skip


class Recorder(Callback):
    """A callback that records the name and the arguments of each event."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple]] = []

    def __getattribute__(self, name):
        if name in EVENTS:
            return lambda *arguments: self.heard.append((name, arguments))
        return super().__getattribute__(name)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def watched_zoo(**hooks) -> Registry:
    registry = Registry.load(strict=False)
    plugin = SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})
    assert not registry.add(lambda: plugin, "watcher", "stranger", "1").error
    return registry


def free(path: Path) -> bool:
    """Return whether Ctrl-C would end the process, while holding the run's lock, which must be free."""
    with alone_in(path):
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_events_come_in_order_and_after_their_files(registry, tiny, tmp_path, monkeypatch):
    seen: list[str] = []

    class Checking(Callback):
        def snapshot_taken(self, run, kimg, image):
            assert max((run / "samples").glob("*.png")).name == f"kimg{kimg:010.3f}.png" and image.width > 28
            seen.append("snapshot")

        def checkpoint_written(self, run, checkpoint, kimg):
            assert (checkpoint / "meta.json").exists() and checkpoint.name == f"kimg{kimg:010.3f}"
            seen.append("checkpoint")

        def scored(self, run, kimg, score):
            assert f'"fid": {score["values"]["fid"]}' in (run / "scores.jsonl").read_text()
            seen.append(f"scored {kimg:g}")

        def run_finished(self, run, score):
            assert free(run) and score["values"] == {"fid": 2.0}
            seen.append("finished")

        def run_stopped(self, run, reason):
            pytest.fail(reason)

    scores = iter((1.0, 2.0))
    monkeypatch.setattr(configured, "score", lambda *_, **__: Score({"fid": next(scores)}, {}, 0.0))
    settings = [*tiny("mlp", snapshot_kimg=0.256), "metrics.names=[fid]", "metrics.times=2"]
    start(registry, resolve(registry, "mlp+minimax", None, settings), Checking(), out=tmp_path / "run")
    pair = ["snapshot", "checkpoint"]
    assert seen == [*pair, *pair, "scored 0.256", *pair, "scored 0.512", "finished"]


def test_hooks_hear_what_callbacks_hear_after_them(tiny, tmp_path, recorder):
    order: list[str] = []
    registry = watched_zoo(
        run_started=lambda: order.append(f"hook after {recorder.names[-1]}"),
        snapshot_taken=lambda image, kimg: order.append(f"hook after {recorder.names[-1]}"),
        run_finished=lambda: order.append(f"hook after {recorder.names[-1]}"),
    )
    start(registry, resolve(registry, "mlp+minimax", None, tiny("mlp")), recorder, out=tmp_path / "run")
    assert set(order) == {f"hook after {name}" for name in ("run_started", "snapshot_taken", "run_finished")}


@pytest.mark.parametrize(
    ("signals", "reason", "code"), [([signal.SIGINT], "interrupted", 130), ([signal.SIGTERM], "preempted", 75)]
)
def test_a_stop_by_a_signal_is_told_once_all_is_let_go(tiny, tmp_path, monkeypatch, signals, reason, code):
    told: list[object] = []
    registry = watched_zoo(
        run_stopped=lambda run, reason: told.append((reason, free(run))), run_finished=lambda: told.append("finished")
    )
    whole = Loop.iteration

    def stopping(self):
        whole(self)
        for number in signals if self.counters.shown == 64 else ():
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Loop, "iteration", stopping)
    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    outcome = start(registry, config, out=tmp_path / "run")
    assert (outcome.finished, outcome.code) == (False, code)
    assert told == [(reason, True)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WriteFailed(Path("log.jsonl"), "No space left on device"), "No space left on device"),
        (ValueError("two\nlines"), "ValueError: two lines"),
    ],
)
def test_an_error_is_told_in_one_line(registry, tiny, tmp_path, monkeypatch, recorder, error, reason):
    def failing(self):
        raise error

    monkeypatch.setattr(Loop, "iteration", failing)
    with pytest.raises(Exception, match=r"No space|two"):
        start(registry, resolve(registry, "mlp+minimax", None, tiny("mlp")), recorder, out=tmp_path / "run")
    name, (path, told) = recorder.heard[-1]
    assert name == "run_stopped" and path == tmp_path / "run" and reason in told and "\n" not in told


def test_a_second_interrupt_is_not_told(registry, tiny, tmp_path, monkeypatch, recorder):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "iteration", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(registry, resolve(registry, "mlp+minimax", None, tiny("mlp")), recorder, out=tmp_path / "run")
    assert recorder.names[0] == "run_started" and not {"run_stopped", "run_finished"} & set(recorder.names)


def test_what_fails_before_the_start_is_not_told(recorder):
    with pytest.raises(RuntimeError), audience([recorder]):
        raise RuntimeError("no data")
    assert recorder.heard == []


def test_the_first_rank_alone_is_told(monkeypatch, recorder):
    monkeypatch.setattr(collectives, "_here", collectives.Place(1, 2, True))
    with audience([recorder]) as watched:
        watched.start(Path("run"), {})
    assert recorder.heard == []


def test_a_display_prints_what_is_logged_and_gives_the_logger_back():
    logger = logging.getLogger("ganzoo")
    before = logger.handlers[:], logger.level, logger.propagate
    console = Console(file=io.StringIO(), width=200)
    with Display(console).watching():
        logging.getLogger("ganzoo.ganzoo_plugin").warning("a [b] \x1b[2J")
        logging.getLogger("ganzoo.data").info("60 of 60 images")
        logging.getLogger("ganzoo.data").debug("nobody asked")
    assert console.file.getvalue() == "warning: a [b] \\x1b[2J\n60 of 60 images\n"
    assert (logger.handlers, logger.level, logger.propagate) == before
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]


def test_without_a_display_warnings_go_to_stderr(capsys):
    with showing(to_stderr()):
        logging.getLogger("ganzoo.runs").warning("damaged")
        logging.getLogger("ganzoo.runs").info("a note")
    assert capsys.readouterr() == ("", "warning: damaged\n")


def test_the_innermost_handler_alone_shows_a_message():
    outer: list[str] = []
    inner: list[str] = []
    with showing(Messages(outer.append, outer.append)):
        with showing(Messages(inner.append, inner.append)):
            logging.getLogger("ganzoo").warning("one")
        logging.getLogger("ganzoo").warning("two")
    assert (outer, inner) == (["two"], ["one"])
