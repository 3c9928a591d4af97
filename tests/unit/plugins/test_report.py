"""The report of a run: story, diagnosis, the script that repeats the run, and damaged directories."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.report_runs import log_record, write_grid, write_run

from ganzoo.cli.main import main
from ganzoo.runs.ranking import Ranking
from ganzoo.runs.reader import Facts, read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.html import libraries
from ganzoo.utils.image_grid import read_grid
from ganzoo_report import diagnosis
from ganzoo_report.curves import ACCURACY, GRADIENTS, charts, points, thin
from ganzoo_report.repeat import script
from ganzoo_report.sheets import data_uri
from ganzoo_report.story import Snapshot, Story, distances, judge, read_story, read_verdicts
from ganzoo_report.write import report_or_say_why, write_report

RUN = Path("runs/a b")
CONFIG = {
    "recipe": "mlp+minimax",
    "loop": {"kimg": 4},
    "optimizer": {"generator": {"lr": 2e-4}, "discriminator": {"lr": 4e-4}},
}
NOTHING = Story((), None)


def facts(fids: list[float] = (), config=CONFIG, **figures: list[float]) -> Facts:
    """Return facts with 20 log records, whose figures are interpolated between the given values."""
    places = np.linspace(0, 1, 20)
    columns = {name: np.interp(places, np.linspace(0, 1, len(v)), v) for name, v in figures.items()}
    log = [log_record((k + 1) / 5, **{name: float(v[k]) for name, v in columns.items()}) for k in range(20)]
    scores = [{"kimg": float(k), "fid": fid} for k, fid in enumerate(fids, 1)]
    return Facts(RUN, tuple(log), tuple(scores), config, ranking=Ranking("fid") if fids else None)


def early(fids: list[float]) -> Facts:
    """Return facts whose first score was taken in the first eighth of the run."""
    return replace(facts(), ranking=Ranking("fid"), scores=tuple(
        {"kimg": k / 2, "fid": fid} for k, fid in enumerate(fids, 1)))  # fmt: skip


def quarters(*values: float) -> list[float]:
    return [value for value in values for _ in range(5)]


def story(*nearest: float, moved: float = 0.5) -> Story:
    empty = np.zeros((16, 4, 4, 3), dtype=np.uint8)
    return Story(tuple(Snapshot("", k, empty, None, near, near, moved if k else None)
                       for k, near in enumerate(nearest)), None)  # fmt: skip


def titles(found):
    return [finding.title for finding in found]


def test_a_run_that_learns_has_no_trouble():
    found = diagnosis.diagnose(facts(auc=[0.7, 0.66, 0.65, 0.65]), story(0.0, 0.9, 1.0))
    assert [finding.kind for finding in found] == ["good"]
    assert "65%" in found[0].why and "100% as diverse" in found[0].why


def test_a_discriminator_that_is_nearly_always_right_is_too_strong():
    (found,) = diagnosis.diagnose(facts(auc=[0.9, 0.97, 0.98, 0.98]), NOTHING)
    assert (found.kind, found.title) == ("trouble", "The discriminator is too strong")
    assert found.command == "ganzoo run --config 'runs/a b/config.yaml' optimizer.discriminator.lr=0.0001"
    assert diagnosis.discriminator_too_strong(facts(auc=[0.99, 0.8, 0.7, 0.7]), NOTHING) is None


def test_a_discriminator_without_a_gradient_that_guesses_has_stopped_learning():
    gone = [3.0, 0.002, 0.002, 0.002]
    (found,) = diagnosis.diagnose(
        facts(auc=[0.6, 0.45, 0.45, 0.45], gradient_discriminator=gone, gradient_generator=gone), NOTHING
    )
    assert (found.kind, found.title) == ("trouble", "The discriminator stopped learning") and "45.0%" in found.why
    rule = diagnosis.discriminator_stopped
    assert rule(facts(auc=[0.9, 0.99, 0.99], gradient_discriminator=gone), NOTHING) is None  # the discriminator has won
    assert rule(facts(auc=[0.6, 0.45, 0.45], gradient_discriminator=[3.0, 1.0, 1.0]), NOTHING) is None


def test_a_discriminator_that_stopped_learning_in_the_middle_of_a_run_stalled():
    # From a run on CIFAR-10 whose learning rates were too high until the schedule lowered them.
    auc, gradient = [0.62, 0.62, 0.5, 0.5, 0.72], [2.0, 1.6, 0.5, 0.5, 5.0]
    (found,) = diagnosis.diagnose(facts(auc=auc, gradient_discriminator=gradient), NOTHING)
    assert (found.kind, found.title) == ("trouble", "The discriminator stalled") and "third quarter" in found.why
    assert found.command.endswith(
        "optimizer.generator.lr=0.0001 optimizer.discriminator.lr=0.0002 loop.discriminator_steps=2"
    )
    rule = diagnosis.discriminator_stalled
    assert rule(facts(auc=auc, gradient_discriminator=[2.0, 2.0, 2.0]), NOTHING) is None  # it learned throughout
    assert rule(facts(auc=[0.6, 0.6, 0.5, 0.5], gradient_discriminator=gradient), NOTHING) is None  # near a guess
    assert rule(facts(auc=auc), NOTHING) is None
    # The quarters of stylegan-lite+minimax, seed 1 (FID 89.25), and of dcgan+minimax, which learned (FID 12.93).
    poor = facts(auc=quarters(0.72, 0.58, 0.59, 0.64), gradient_discriminator=quarters(1.77, 0.43, 0.41, 0.66))
    assert titles(diagnosis.diagnose(poor, NOTHING)) == ["The discriminator stalled"]
    # dcgan+wgan-gp on CIFAR-10 with two discriminator steps and learning rates of 0.002 (FID 91 of 2,000 images).
    critic = facts(auc=quarters(0.57, 0.51, 0.51, 0.65), gradient_discriminator=quarters(23.1, 11.9, 13.5, 27.7))
    assert titles(diagnosis.diagnose(critic, NOTHING)) == ["The discriminator stalled"]
    good = facts(auc=quarters(0.6, 0.58, 0.58, 0.6), gradient_discriminator=quarters(0.79, 0.34, 0.29, 0.29))
    assert rule(good, NOTHING) is None


def test_a_discriminator_that_tells_apart_more_and_more_pulls_ahead():
    rule = diagnosis.discriminator_pulls_ahead
    (found,) = diagnosis.diagnose(facts(auc=[0.7, 0.6, 0.6, 0.8]), NOTHING)
    assert (found.kind, found.title) == ("note", "The discriminator pulls ahead") and "second quarter" in found.why
    assert found.command.endswith("optimizer.discriminator.lr=0.0002") and "rates fell" not in found.why
    falling = rule(facts(auc=[0.7, 0.6, 0.6, 0.8], lr_discriminator=[0.1, 0.1, 0.0]), NOTHING)
    assert falling and "rates fell meanwhile" in falling.why and "FID" not in falling.why
    assert rule(facts(fids=[20.2, 20.0], auc=[0.7, 0.6, 0.6, 0.8]), NOTHING)
    assert rule(facts(fids=[20.2, 16.6], auc=[0.7, 0.6, 0.6, 0.8]), NOTHING) is None  # the FID falls clearly
    assert rule(facts(auc=[0.5, 0.5, 0.55, 0.58]), NOTHING) is None  # still near a guess
    assert rule(facts(auc=[0.9, 0.8, 0.8, 0.8]), NOTHING) is None
    assert rule(facts(auc=[0.7, 0.9, 0.99, 0.99]), NOTHING) is None  # already reported as too strong


def test_a_discriminator_that_ranks_worse_than_a_guess_is_behind():
    (found,) = diagnosis.diagnose(facts(auc=[0.6, 0.1, 0.1, 0.1]), NOTHING)
    assert (found.kind, found.title) == ("note", "The discriminator is behind") and "10.0%" in found.why
    assert found.command.endswith(" loop.discriminator_steps=2")
    three_steps = Facts(
        RUN, tuple({**record, "steps_d": 9, "steps_g": 3} for record in facts(auc=[0.1]).log), (), CONFIG
    )
    (found,) = diagnosis.diagnose(three_steps, NOTHING)
    assert found.command.endswith(" loop.discriminator_steps=4")
    assert diagnosis.discriminator_behind(facts(auc=[0.1, 0.1, 0.45, 0.45]), NOTHING) is None


def test_a_critic_may_be_strong_as_long_as_a_gradient_comes_back():
    def critic(**figures):
        made = facts(**figures)
        log = [{k: v for k, v in record.items() if not k.startswith("accuracy")} for record in made.log]
        return diagnosis.discriminator_too_strong(Facts(RUN, tuple(log), (), CONFIG), NOTHING)

    assert critic(auc=[0.99, 0.99]) is None
    assert critic(auc=[0.99, 0.99], gradient_generator=[1.0, 1.0, 1e-6, 1e-6, 1e-6]) is not None


def test_samples_that_lie_close_together_are_a_suspected_collapse():
    found = diagnosis.mode_collapse(facts(), story(1.0, 0.8, 0.5, 0.3))
    assert found and found.kind == "trouble" and "30%" in found.why and "generator.lr=5e-05" in found.command
    assert diagnosis.mode_collapse(facts(), story(0.0, 0.9, 0.95)) is None
    assert diagnosis.mode_collapse(facts(), story(0.1)) is None  # the first snapshot alone shows nothing
    assert diagnosis.mode_collapse(facts(), NOTHING) is None


def test_samples_that_move_apart_have_not_collapsed():
    found = diagnosis.mode_collapse(facts(), story(0.0, 0.2, 0.3, 0.5))
    assert found and found.kind == "note" and found.command.endswith("loop.kimg=8")


def test_images_that_stay_what_they_were_are_no_learning():
    found = diagnosis.no_learning(facts(), story(1.0, 1.0, 1.0, moved=0.01))
    assert found and found.command.endswith("optimizer.generator.lr=0.0008")
    assert diagnosis.no_learning(facts(), story(1.0, 1.0, 1.0)) is None
    assert diagnosis.no_learning(early(fids=[200, 210, 205]), story(1.0, 1.0)) is not None
    assert diagnosis.no_learning(early(fids=[200, 100, 90]), story(1.0, 1.0)) is None


def test_a_trained_generator_that_stays_as_it_is_is_not_called_untrained():
    assert diagnosis.no_learning(facts(fids=[9.95, 9.93, 9.94]), story(1.0, 1.0)) is None  # first scored late
    found = [finding.title for finding in diagnosis.diagnose(early(fids=[20, 24, 30, 40]), story(1.0, 1.0))]
    assert "Past its best" in found and "No learning" not in found


@pytest.mark.parametrize(
    ("ranking", "values"),
    [
        (Ranking("precision", lower_is_better=False), [0.0, 0.4, 0.62]),
        (Ranking("kid_mean"), [0.05, 0.002, -0.0003]),
        (Ranking("likelihood", lower_is_better=False), [-120.0, -90.0, -80.0]),
    ],
)
def test_values_of_zero_and_below_improve_too(ranking, values):
    learnt = replace(facts(), ranking=ranking, scores=tuple(
        {"kimg": k / 2, ranking.value: value} for k, value in enumerate(values, 1)))  # fmt: skip
    assert diagnosis.no_learning(learnt, NOTHING) is None
    stuck = replace(learnt, scores=tuple({"kimg": k / 2, ranking.value: values[0]} for k in (1, 2, 3)))
    assert diagnosis.no_learning(stuck, NOTHING).title == "No learning"


def test_a_strong_discriminator_is_no_trouble_while_the_score_improves():
    strong = {"auc": quarters(0.97, 0.97, 0.97, 0.97), "accuracy_real": [0.9, 0.9]}
    assert diagnosis.discriminator_too_strong(facts([60.0, 35.0, 34.9], **strong), NOTHING) is not None
    assert diagnosis.discriminator_too_strong(facts([60.0, 35.0, 22.0], **strong), NOTHING) is None


def test_a_collapse_is_found_for_a_small_set_of_images(tmp_path):
    """A grid repeats the images of a small set, so that it holds equal images."""
    rng = np.random.default_rng(0)
    few = rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    write_run(tmp_path)
    write_grid(tmp_path / "verdicts" / "real.png", few[np.arange(64) % 20])
    alike = rng.integers(0, 256, (1, 8, 8, 3)) + rng.integers(-4, 5, (64, 8, 8, 3))
    for file in (tmp_path / "samples").glob("kimg*.png"):
        write_grid(file, np.clip(alike, 0, 255).astype(np.uint8))
    found = diagnosis.mode_collapse(facts(), read_story(RunDir(tmp_path)))
    assert found is not None and found.title == "Mode collapse suspected"


def test_commands_name_the_plugin_files_and_the_initial_weights(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").touch()
    begun = {"init_from": "/elsewhere/runs/first/checkpoints/kimg000001.000"}
    run = replace(facts([60.0, 35.0, 22.0]), path=tmp_path, provenance=begun)
    command = diagnosis.still_improving(run, NOTHING).command
    assert command.endswith(f" --init-from /elsewhere/runs/first --plugin {tmp_path}/plugins/mine.py")
    changed = {"changes": [{"kimg": 2.0, "settings": {"loop.kimg": {"from": 2.0, "to": 4.0}}}]}
    text = script(replace(run, provenance=begun | changed))
    assert "# changed during the run, and not repeated here: from 2 kimg on" in text
    assert "ganzoo run --config config.yaml --init-from /elsewhere/runs/first" in text


def test_equal_logits_favour_neither_side():
    verdicts = judge([1.0] * 8, [1.0] * 8, probability=False, zero_is_border=False)
    assert verdicts.fooled == 4 and verdicts.right == 0.5


def test_a_picture_without_a_place_in_the_run_is_left_out(tmp_path):
    write_run(tmp_path)
    count = len(read_story(RunDir(tmp_path)).snapshots)
    for name in ("kimgnan.png", "kimginf.png"):
        write_grid(tmp_path / "samples" / name, np.zeros((64, 8, 8, 3), np.uint8))
    assert len(read_story(RunDir(tmp_path)).snapshots) == count


def test_a_fid_that_rises_again_is_past_its_best():
    found = diagnosis.past_its_best(facts(fids=[50, 30, 60]), NOTHING)
    assert found and "30.0 at 2 kimg" in found.why and found.command.endswith("--checkpoint best")
    assert found.kind == "trouble"
    little = diagnosis.past_its_best(facts(fids=[50, 30, 33]), NOTHING)
    assert little is not None and little.kind == "note"
    assert diagnosis.past_its_best(facts(fids=[50, 30, 31]), NOTHING) is None


def test_a_fid_that_falls_to_the_end_is_still_improving():
    found = diagnosis.still_improving(facts(fids=[50, 40, 30]), NOTHING)
    assert found and found.command.endswith("loop.kimg=8")
    assert diagnosis.still_improving(facts(fids=[50, 30, 29.9]), NOTHING) is None
    unfinished = {**CONFIG, "loop": {"kimg": 100}}
    resumed = diagnosis.still_improving(facts(fids=[50, 30], config=unfinished), NOTHING)
    assert resumed and resumed.command == "ganzoo resume 'runs/a b'"


def test_without_scores_the_discriminator_says_whether_it_improves():
    assert diagnosis.still_improving(facts(auc=[1.0, 0.95, 0.9, 0.75]), NOTHING) is not None
    assert diagnosis.still_improving(facts(auc=[0.7, 0.7]), NOTHING) is None


def test_too_few_figures_are_no_diagnosis():
    assert titles(diagnosis.diagnose(Facts(RUN, (log_record(1.0),) * 3), NOTHING)) == ["Too early to say"]
    assert titles(diagnosis.diagnose(Facts(RUN), NOTHING)) == ["Too early to say"]


def test_a_published_run_is_neither_unfinished_nor_to_be_resumed(tmp_path):
    run = write_run(tmp_path, steps=0, budget=8.0, scores=False)
    (run / "log.jsonl").unlink()
    kept = run / "checkpoints" / "kimg000004.000"
    kept.mkdir()
    (kept / "meta.json").write_text(json.dumps({"shown": 4000, "files": {}}))
    (kept / "ema.safetensors").touch()
    page = write_report(RunDir(run)).read_text()
    assert "4 of 8 kimg" in page and "loop.kimg=16" in page
    assert not re.search("Not finished|Reload this page|ganzoo resume|(images|curves) yet", page)
    with pytest.raises(SystemExit, match="0"):
        main(["report", str(run), "--follow"])
    (kept / "generator.safetensors").touch()
    assert "Not finished" in write_report(RunDir(run)).read_text()


def test_verdicts_by_probability_by_border_and_by_rank():
    sure = judge([-2.0, 1.0], [3.0, -0.5], probability=True, zero_is_border=True)
    assert [one.real for one in (*sure.fake, *sure.real)] == [False, True, True, False]
    assert sure.fake[1].value == pytest.approx(0.731, abs=1e-3)
    assert (sure.fooled, sure.right) == (1, 0.5)
    critic = judge([5.0, 9.0], [7.0, 8.0], probability=False, zero_is_border=False)
    assert [(one.value, one.real) for one in critic.fake] == [(4, False), (1, True)]
    assert [(one.value, one.real) for one in critic.real] == [(3, False), (2, True)]
    hinge = judge([-1.0], [-2.0], probability=False, zero_is_border=True)
    assert (hinge.fake[0].value, hinge.fake[0].real) == (1, False)
    assert judge([-1e4], [1e4], probability=True, zero_is_border=True).right == 1


def test_the_story_reads_what_a_run_left(tmp_path):
    read = read_story(RunDir(write_run(tmp_path)))
    assert [snapshot.kimg for snapshot in read.snapshots] == [0, 1, 2, 3, 4]
    assert read.snapshots[0].images.shape == (16, 28, 28, 3)
    assert read.snapshots[0].verdicts.fooled < read.snapshots[-1].verdicts.fooled
    assert read.snapshots[0].moved is None and read.snapshots[1].moved > 0.1
    assert read.snapshots[-1].nearest == pytest.approx(1, abs=0.1)
    few = read_story(RunDir(tmp_path), most=3)
    assert [snapshot.kimg for snapshot in few.snapshots] == [0, 2, 4]


def test_a_grid_is_cut_where_it_was_put_together(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3)).astype(np.uint8)
    write_grid(tmp_path / "grid.png", images)
    assert (read_grid(tmp_path / "grid.png") == images).all()


def test_distances_are_those_of_every_pair():
    found = np.random.default_rng(0).normal(size=(7, 5))
    pairs = np.linalg.norm(found[:, None] - found[None], axis=-1)
    others = [np.delete(row, place) for place, row in enumerate(pairs)]
    assert distances(found) == pytest.approx((np.mean(others), np.mean([row.min() for row in others])))


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"d_fake": 3}', '{"d_fake": ["x"], "d_real": [1], "probability": 1, "zero_is_border": 1}',
               '{"d_fake": [NaN], "d_real": [1], "probability": 1, "zero_is_border": 1}']
)  # fmt: skip
def test_damaged_verdicts_are_left_out(tmp_path, damage):
    (tmp_path / "record.json").write_text(damage)
    assert read_verdicts(tmp_path / "record.json") is None


def test_a_damaged_directory_still_has_a_report(tmp_path):
    write_run(tmp_path)
    (tmp_path / "config.yaml").write_text("recipe: [not\nyaml: {")
    (tmp_path / "samples/kimg000002.000.png").write_bytes(b"no image")
    (tmp_path / "samples/kimgfoo.png").write_bytes(b"no image")
    (tmp_path / "verdicts/real.png").write_bytes(b"no image")
    (tmp_path / "log.jsonl").write_text('3\n{"kimg": "x"}\n{"kimg": 1, "auc": NaN, "loss_generator": 1}\n{"kim')
    (tmp_path / "scores.jsonl").write_bytes(b"\xff")
    (tmp_path / "provenance.json").write_text('{"data": 3, "versions": [1]}')
    directory = RunDir(tmp_path)
    assert len(read_story(directory).snapshots) == 4
    assert read_facts(directory).log == ({"kimg": 1.0, "loss_generator": 1.0},)
    assert write_report(directory).exists()


def test_names_from_outside_are_escaped(tmp_path):
    evil = '"><script>window.evil = 1</script>'
    write_run(tmp_path, recipe=evil)
    (tmp_path / "provenance.json").write_text(json.dumps({"device": evil, "data": {"name": evil}}))
    assert "<script>window.evil" not in write_report(RunDir(tmp_path)).read_text()


def test_a_report_has_its_curves_without_a_package_for_them(tmp_path, monkeypatch):
    for name in ("altair", "vl_convert"):
        monkeypatch.setitem(sys.modules, name, None)
    page = write_report(RunDir(write_run(tmp_path))).read_text(encoding="utf-8")
    assert "ganzoo[report]" not in page
    drawn = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])
    titles = [
        "Losses",
        "How well the discriminator tells them apart",
        "Gradient norms",
        "FID",
        "Speed",
        "Learning rates",
    ]
    assert [chart["title"] for chart in drawn] == titles
    assert all(chart["rows"] and chart["spec"]["layer"] for chart in drawn)
    assert page.count("<figure") == len(drawn) and libraries() in page
    assert 'id="time"' in page and "<table>" in page


def test_a_run_that_was_scored_once_has_no_chart_of_its_score():
    drawn = [[chart["title"] for chart in charts(facts(fids, auc=[0.7, 0.6]))] for fids in ([30.0], [30.0, 20.0])]
    assert "FID" not in drawn[0] and "FID" in drawn[1]


def test_a_run_never_fails_because_of_its_report(tmp_path, logged):
    assert report_or_say_why(RunDir(tmp_path / "nothing")) is None
    assert len(logged) == 1 and "no report" in logged[0] and "\n" not in logged[0]


@pytest.mark.long
@pytest.mark.seconds
def test_two_hundred_snapshots_stay_under_20_mb(tmp_path):
    """The images are noise, which does not compress: in colour at 64 pixels, they would take 50 MB as PNG."""
    write_run(tmp_path, steps=2, size=64, channels=3)
    for step in range(1, 199):
        for directory, end in (("samples", "png"), ("verdicts", "json")):
            copy = tmp_path / directory / f"kimg{step / 50:010.3f}.{end}"
            copy.write_bytes((tmp_path / directory / f"kimg000000.000.{end}").read_bytes())
    page = write_report(RunDir(tmp_path))
    assert page.read_text().count('"sheet":"data:image') == 200
    assert page.stat().st_size < 20 * 2**20


def test_a_sheet_is_lossless_until_it_is_too_big():
    noise = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype(np.uint8)
    assert data_uri(noise, 10**6).startswith("data:image/png")
    small = data_uri(noise, 5000)
    assert small.startswith("data:image/webp") and len(small) < 5000 * 1.4


def test_long_logs_are_thinned_by_means():
    log = [{"kimg": float(k), "auc": float(k % 2)} for k in range(1000)]
    thinned = thin(log, 100)
    assert len(thinned) == 100 and thinned[-1]["kimg"] == 999 and {r["auc"] for r in thinned} == {0.5}
    assert {p["s"] for p in points(thinned, ACCURACY)} == {"pairs ranked correctly"}
    assert points([{"kimg": 1.0, "gradient_generator": 0.0}], GRADIENTS) == []


def test_means_of_the_largest_numbers_are_finite():
    assert {r["loss"] for r in thin([{"kimg": float(k), "loss": 1e308} for k in range(8)], 2)} == {1e308}


def test_the_script_repeats_the_run_whatever_the_config_says(tmp_path):
    text = "recipe: mlp+minimax\nEND\ntouch evil\n"
    plugins = {"own": "1", "a file.py": "sha256:0"}
    noted = {"python": "3.11\ntouch evil", "versions": {"torch": "2.6; touch evil"}, "plugins": plugins}
    written = script(Facts(RUN, config={"recipe": "mlp\ntouch evil"}, config_text=text, provenance=noted))
    stub = tmp_path / "bin"
    stub.mkdir()
    for name in ("pip", "ganzoo"):
        (stub / name).write_text(f'#!/bin/sh\necho {name} "$@" >> called\n')
        (stub / name).chmod(0o755)
    subprocess.run(["sh", "-c", written], cwd=tmp_path, env={"PATH": f"{stub}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "config.yaml").read_text() == text
    assert not (tmp_path / "evil").exists()
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["pip install torch own==1", "ganzoo run --config config.yaml --plugin a file.py"]


def test_the_command_line_makes_a_report_during_and_after(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        return int(stop.value.code or 0), capsys.readouterr()

    code, printed = call("run", "mlp+minimax", *tiny("mlp"), "--out", "run")
    assert code == 0 and "report: run/report.html" in printed.out
    page = (tmp_path / "run/report.html").read_text()
    assert re.search(r'<html[^>]*data-state="finished"', page) and 'id="reload"' not in page
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("kimg: 0.512", "kimg: 9"))
    code, printed = call("report", "run")
    assert code == 0 and printed.out == "run/report.html\n"
    assert 'id="reload"' in (tmp_path / "run/report.html").read_text()
    code, printed = call("report", "nowhere")
    assert code == 2 and "not a run directory" in printed.err
