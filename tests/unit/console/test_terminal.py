"""A run in the terminal: images and curves as characters, the display, and `ganzoo watch`."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pytest
from rich.console import Console
from support.report_runs import log_record, write_run

from ganzoo.cli.main import main
from ganzoo.console.display import Display, LiveDisplay, figures, make_display
from ganzoo.console.images import BARS, PLAIN_BARS, SHADES, images, sparkline
from ganzoo.errors import GanzooError
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.lock import alone_in
from ganzoo_report.watch import STOPPED, ended, watch

pytestmark = pytest.mark.seconds

CELLS = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 3)).astype(np.uint8)


def terminal(width: int, height: int, colours: str | None = "truecolor", **options) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        color_system=colours,
        _environ={},
        **options,
    )


def printed(console: Console) -> str:
    return console.file.getvalue()


def test_a_sparkline_goes_from_the_lowest_bar_to_the_highest():
    assert sparkline([0, 0.5, 1], 24, 0, 1) == BARS[0] + BARS[4] + BARS[7]
    assert sparkline([-3, 9], 24, 0, 1) == BARS[0] + BARS[7]
    assert sparkline([], 24, 0, 1) == ""
    assert sparkline([1, 1], 24, 1, 1) == BARS[0] * 2
    assert sparkline([0, 1], 24, 0, 1, ascii_only=True) == PLAIN_BARS[0] + PLAIN_BARS[7]


def test_a_long_curve_is_shown_in_means():
    assert sparkline([0.0] * 500 + [1.0] * 500, 10, 0, 1) == BARS[0] * 5 + BARS[7] * 5


@pytest.mark.parametrize(("width", "lines", "fit"), [(74, 14, (5, 2)), (114, 30, (4, 2)), (300, 100, (8, 6))])
def test_images_stay_within_their_room_and_are_large(width, lines, fit):
    console = terminal(width, lines)
    console.print(images(CELLS, width, lines, console), end="")
    rows = console.file.getvalue().count("\n")
    assert rows <= lines and "▄" in printed(console)
    plain = terminal(width, lines, None)
    plain.print(images(CELLS, width, lines, plain))
    longest = max(map(len, printed(plain).splitlines()))
    side = (longest + 1) // fit[0] - 1
    assert longest <= width and 12 <= side <= 28
    assert rows == -(-(fit[1] * (side + 1) - 1) // 2)


@pytest.mark.parametrize("without", [{"colours": None}, {"no_color": True}])
def test_without_colours_an_image_is_shades(without):
    console = terminal(40, 20, **without)
    console.print(images(np.full((64, 12, 12, 3), 255, np.uint8), 40, 20, console))
    assert set(printed(console)) <= {*SHADES, "\n"} and SHADES[-1] * 12 in printed(console)


def test_the_figures_show_both_accuracies_as_curves():
    log = [log_record(k, accuracy_real=1 - k / 20, accuracy_fake=k / 20) for k in range(1, 11)]
    rows = dict(figures(log))
    assert BARS[7] in rows["real"] and "50.0%" in rows["real"] and BARS[0] in rows["fake"]
    critic = [{name: value for name, value in record.items() if not name.startswith("accuracy")} for record in log]
    assert dict(figures(critic)).keys() == {"speed", "loss", "pairs"}
    assert figures([]) == [] and figures([{"kimg": 1.0}]) == []


def test_a_display_is_live_in_a_terminal_alone():
    assert type(make_display(Console(file=io.StringIO()))) is Display
    assert type(make_display(terminal(80, 24))) is LiveDisplay


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (20, 8)])
def test_the_live_display_fits_its_terminal(size, tmp_path):
    directory = RunDir(write_run(tmp_path))
    (tmp_path / "score.json").write_text("{}")
    console = terminal(*size)
    display = LiveDisplay(console)
    watch(directory, display)
    lines = console.render_lines(display._render(), pad=False)
    assert len(lines) <= max(size[1] - 1, 10)
    assert "finished" in printed(console)


def test_a_finished_run_is_shown_at_its_end(tmp_path, capsys):
    write_run(tmp_path)
    (tmp_path / "score.json").write_text("{}")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(SystemExit) as stop:
        main(["watch", str(tmp_path)])
    out = capsys.readouterr().out
    assert stop.value.code == 0
    assert "mlp+minimax on fashion-10k, 4 kimg" in out and "4.0 kimg" in out and "score: none" in out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_run_is_watched_until_it_is_scored(tmp_path):
    """Each pause of `watch` advances the run: a log line, a time without lines, the rest of the log, a process
    that scores and is killed, the score."""
    write_run(tmp_path)
    log = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join(log[:10]))
    console = Console(file=io.StringIO(), width=200)
    clock = [(tmp_path / "log.jsonl").stat().st_mtime]

    def go_on():
        (tmp_path / "log.jsonl").write_text("".join(log[:11]) + '{"kimg": 2.')
        yield
        clock[0] += 10_000
        yield
        (tmp_path / "log.jsonl").write_text("".join(log))
        yield
        with alone_in(tmp_path):
            yield
        yield  # the process has ended
        (tmp_path / "score.json").write_text(json.dumps({"values": {"fid": 3}}))
        later = clock[0] + 20_000
        os.utime(tmp_path / "score.json", (later, later))
        yield

    steps = go_on()
    score = watch(RunDir(tmp_path), Display(console), lambda pause: next(steps), lambda: clock[0])
    assert score == {"values": {"fid": 3}}
    lines = printed(console).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["2.0", "2.2", "quiet,"]
    assert lines[-3:] == ["scoring", STOPPED, "finished"] and lines[-4].split()[0] == "4.0"


def test_a_copied_run_has_ended_whatever_its_files_times_are(tmp_path):
    write_run(tmp_path)
    run = RunDir(tmp_path)
    (*_, last) = read_jsonl(run.scores_file)
    run.score_file.write_text(json.dumps({"values": last["values"]}))
    os.utime(run.score_file, (1, 1))
    assert ended(run, read_facts(run))
    run.score_file.write_text(json.dumps({"values": {"fid": 1e9}}))
    os.utime(run.score_file, (1, 1))
    assert not ended(run, read_facts(run))


def test_a_run_that_cannot_be_watched_is_one_line(tmp_path):
    (tmp_path / "config.yaml").write_text("loop: {kimg: many}")
    with pytest.raises(GanzooError, match=r"loop\.kimg"):
        watch(RunDir(tmp_path), Display(Console(quiet=True)))
