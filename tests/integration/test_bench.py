"""The benchmark's harness: grids, records, interruption, failures, verification."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.scoring import NETWORK, Stub

from ganzoo import ArchitectureEntry, LossEntry, hookimpl
from ganzoo.bench import work
from ganzoo.bench.grid import Cell, Grid, cells, load_grid
from ganzoo.bench.harness import Harness, make_launcher
from ganzoo.bench.job import NEIGHBOURS, RECORD, SAMPLES, WEIGHTS, Job
from ganzoo.bench.launcher import Launcher
from ganzoo.bench.leaderboard.board import make_report
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.process import JobProcess
from ganzoo.bench.record import read_record, read_records, write_record
from ganzoo.bench.recorded import recorded_config
from ganzoo.bench.verify import verify
from ganzoo.bench.work import perform
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.plugin.registry import Registry
from ganzoo.run import Run
from ganzoo.training.callbacks import Callback
from ganzoo.utils.lock import alone_in
from ganzoo.utils.signals import INTERRUPTED

SMALL = ["loop.batch=16", "loop.device=cpu", "loop.log_kimg=0.064", "metrics.names=[]"]
TINY_MLP = ["generator.width=16", "generator.layers=1", "discriminator.width=16", "discriminator.layers=1"]


class InProcess(Launcher):
    """A launcher that performs its jobs in this process and records them."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(None)
        self.registry, self.done = registry, list[Job]()

    def run(self, jobs, *, alone=False):
        for job in jobs:
            job.write()
            self.done.append(job)
            perform(Job.read(job.write()), self.registry, Display(Console(quiet=True)))
            yield job, ""


@pytest.fixture
def grid():
    return Grid(name="small", architectures=["mlp"], losses=["minimax", "wgan-gp"], kimg=0.128,
                settings=[*SMALL, *TINY_MLP])  # fmt: skip


@pytest.fixture
def harness(registry, tmp_path):
    def make(grid, launcher=None, registry=registry):
        launcher = launcher or InProcess(registry)
        return Harness(grid, registry, launcher, tmp_path / "results", tmp_path / "work", lambda line: None)

    return make


def test_a_grid_is_a_product_and_names_each_row_once(registry):
    grid = Grid(name="a", architectures=["mlp", "dcgan"], losses=["minimax"], extras=["", "r1"],
                recipes=["mlp+minimax", "mlp/dcgan+wgan-gp"], data=["mnist"], seeds=[1, 2], kimg=1)  # fmt: skip
    found = cells(grid, registry)
    assert [cell.recipe for cell in found[::2]] == [
        "mlp+minimax", "mlp+minimax+r1", "dcgan+minimax", "dcgan+minimax+r1", "mlp/dcgan+wgan-gp",
    ]  # fmt: skip
    assert [cell.seed for cell in found] == [1, 2] * 5
    assert found[-1].name == "mnist--mlp,dcgan+wgan-gp--s2"


@pytest.mark.parametrize(
    ("one", "other"), [("folder:a/b", "folder:a_b"), ("folder:\u732b", "folder:\u72ac"), ("zip:a:b", "zip:a/b")]
)
def test_rows_of_different_paths_have_different_names(one, other):
    names = {Cell("mlp+minimax", data, 0).name for data in (one, other)}
    assert len(names) == 2 and all(re.fullmatch(r"[A-Za-z0-9._+,-]+", name) for name in names)
    assert Cell("mlp+minimax", "folder:images", 0).name == "folder_images--mlp+minimax--s0"


def test_rows_of_a_long_path_have_names_that_a_file_system_takes(tmp_path):
    place = "folder:/" + "data/" * 60
    recipes = ["mlp+minimax", "mlp+hinge", "+".join(["stylegan-lite/projected", *["path-length"] * 30])]
    paths = [place + "a", place + "b", f"folder:{'x' * 240}"]
    names = {Cell(recipe, path, 10**18).name for recipe in recipes for path in paths}
    assert len(names) == 9
    for name in names:
        (tmp_path / f"{name}.safetensors").touch()
    assert Cell("mlp+hinge", place, 0).name.startswith("folder__data_data_")
    assert Cell("mlp+hinge", place, 0).name.endswith("--mlp+hinge--s0")


def test_all_takes_in_whatever_is_installed(registry):
    class Plugin:
        @hookimpl
        def register_architectures(self, register):
            register(ArchitectureEntry(name="strange", summary="", generator="a:B", discriminator="a:C"))

    with_stranger = Registry.load(strict=True)
    with_stranger.add(Plugin, "stranger")
    grid = Grid(name="a", architectures=["all"], losses=["all"], kimg=1)
    assert {cell.recipe.split("+")[0] for cell in cells(grid, with_stranger)} == {
        *registry.entries["architecture"],
        "strange",
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"losses": ["minimax"], "architectures": ["mlp"]}, "either kimg or minutes"),
        ({"losses": ["minimax"], "kimg": 1}, "nothing to train"),
        ({"recipes": ["mlp+minimax"], "kimg": 0}, "kimg is 0"),
        ({"recipes": ["mlp+minimax"], "kimg": 1, "name": "../up"}, "name is '../up'"),
        ({"recipes": ["mlp+minimax"], "kimg": 1, "sedes": [1]}, "sedes"),
        ({"recipes": ["mlp+minimax"], "kimg": 1, "losses": ["hinge"]}, "give both, or neither with recipes"),
        ({"recipes": ["mlp+minimax"], "kimg": 1, "extras": ["r1"]}, "write those of a recipe into the recipe"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(changes, says):
    with pytest.raises(GanzooError, match=says):
        load_grid(None, changes)


def test_the_command_line_changes_a_file(tmp_path):
    (tmp_path / "fast.yaml").write_text("losses: [minimax]\narchitectures: [mlp]\nminutes: 5\n")
    grid = load_grid(tmp_path / "fast.yaml", {"kimg": 2.0, "losses": None, "seeds": [3]})
    assert (grid.name, grid.losses, grid.minutes, grid.kimg, grid.seeds) == ("fast", ["minimax"], None, 2.0, [3])
    one = load_grid(tmp_path / "fast.yaml", {"recipes": ["dcgan+wgan-gp"]})
    assert (one.recipes, one.architectures, one.losses) == (["dcgan+wgan-gp"], [], [])
    (tmp_path / "own.yaml").write_text("recipes: [mlp+minimax]\nkimg: 1\nsettings: [metrics.fakes=10, loop.batch=8]\n")
    longer = load_grid(tmp_path / "own.yaml", {"settings": ["loop.batch=4"]})
    assert longer.settings == ["metrics.fakes=10", "loop.batch=8", "loop.batch=4"]
    (tmp_path / "bad.yaml").write_text("[1, 2]")
    with pytest.raises(GanzooError, match=r"bad\.yaml must hold keys"):
        load_grid(tmp_path / "bad.yaml", {})


def test_rows_are_made_once_and_kept(harness, grid):
    first = harness(grid)
    records = first.run()
    assert [record.recipe for record in records] == ["mlp+minimax", "mlp+wgan-gp"]
    assert {record.status for record in records} == {"done"} and {record.shown for record in records} == {128}
    again = harness(grid)
    assert again.run() == records and again.launcher.done == []


def test_a_row_says_what_repeats_it(harness, grid, registry):
    (record, _) = harness(grid).run()
    assert record.config["seed"] == 0 and record.config["data"]["root"] is None
    assert record.command.startswith("ganzoo run mlp+minimax loop.batch=16")
    assert record.parameters["generator"] > 0 and record.weights.bytes > 0 and record.cost.peak_memory_mib > 10
    assert record.plugins.keys() == {"ganzoo"} and record.hardware.kind == "cpu"


def test_a_row_keeps_what_its_run_measured_and_goes_on_with_it(harness, grid, registry, monkeypatch, tmp_path):
    """A row that was stopped resumes, although its saved configuration also holds the measured settings."""
    monkeypatch.setattr("ganzoo.training.calibration.gain_of", lambda one, other: 2.0)
    grid.losses, grid.settings = ["minimax"], [*grid.settings, "loop.calibrate=true", f"data.root={tmp_path / 'cache'}"]
    train = work._train

    def train_and_stop(job, *arguments):
        train(job, *arguments)
        (job.directory / "run/begun").touch()
        return train(job, *arguments)

    monkeypatch.setattr(work, "_train", train_and_stop)
    (record,) = harness(grid).run()
    assert (tmp_path / "work/small" / Path(record.samples).stem / "run/begun").exists()
    loop = record.config["loop"]
    assert (loop["threads"], loop["precision"], loop["layout"]) == (record.hardware.threads, "float32", "contiguous")
    assert record.hardware.precision == "float32"
    assert record.command.endswith(
        f"loop.threads={record.hardware.threads} loop.precision=float32 loop.layout=contiguous"
    )


def test_a_row_says_how_many_threads_its_run_had(harness, grid):
    grid.losses, grid.settings = ["minimax"], [*grid.settings, "loop.threads=3"]
    (record,) = harness(grid).run()
    assert record.hardware.threads == 3 and "loop.threads=3" in record.command


def test_a_row_names_its_penalties_and_its_augmentation(harness, grid):
    grid.losses, grid.extras = ["minimax"], ["r1+diffaug"]
    (record,) = harness(grid).run()
    assert record.recipe == "mlp+minimax+r1+diffaug"
    assert (record.penalties, record.augmentation) == (["r1"], "diffaug")


def test_a_row_bears_the_marks_of_its_parts(harness, grid):
    @dataclass
    class Params:
        pretrained: bool = True

        @property
        def marks(self):
            return ("pretrained features",) if self.pretrained else ()

    class Plugin:
        @hookimpl
        def register_losses(self, register):
            register(LossEntry(name="seen", summary="", target="ganzoo_losses.losses:Minimax", params=Params))

    registry = Registry.load(strict=True)
    registry.add(Plugin, "seen", "a-stranger")
    grid.losses = ["minimax", "seen"]
    plain, marked = harness(grid, InProcess(registry), registry).run()
    assert (plain.marks, marked.marks) == ([], ["pretrained features"])
    assert "| pretrained features |" in to_markdown(make_report([(Path("a.json"), marked)]), Path())
    grid.settings, grid.name, grid.losses = [*grid.settings, "loss.pretrained=false"], "without", ["seen"]
    (unmarked,) = harness(grid, InProcess(registry), registry).run()
    assert unmarked.marks == []


def test_a_row_whose_settings_changed_during_training_says_so(harness, grid, monkeypatch):
    train, grid.losses = work._train, ["minimax"]

    def train_and_change(*arguments):
        outcome = train(*arguments)
        for settings in (["ema.ramp_up=0.5"], ["ema.ramp_up=0.1"]):
            Run(outcome.directory.path).resume(settings=settings)
        return outcome

    monkeypatch.setattr(work, "_train", train_and_change)
    (record,) = harness(grid).run()
    assert record.marks == ["settings changed during training"]
    settings = [change["settings"] for change in record.extra["changes"]]
    assert settings == [{"ema.ramp_up": {"from": 0.1, "to": 0.5}}, {"ema.ramp_up": {"from": 0.5, "to": 0.1}}]
    assert "| settings changed during training |" in to_markdown(make_report([(Path("a.json"), record)]), Path())


def test_a_row_that_fails_is_a_row(harness, grid):
    settings, grid.losses = grid.settings, ["minimax"]
    grid.settings = [*settings, "optimizer.generator.lr=1e30"]
    (record,) = harness(grid).run()
    assert record.status == "failed" and "not finite" in record.reason
    assert harness(grid).run() == [record]
    again = harness(grid)
    mark = again.work / again.cells[0].name / "run" / "mark"
    mark.touch()
    (still,) = again.run(retry=True)
    assert still.status == "failed" and [job.purpose for job in again.launcher.done] == ["train"]
    assert not mark.exists()  # it began anew
    grid.settings, grid.name = settings, "mended"
    assert [record.status for record in harness(grid).run()] == ["done"]


def test_a_launcher_that_loses_a_job_leaves_a_row(harness, grid):
    class Loses(Launcher):
        def run(self, jobs, *, alone=False):
            for job in jobs:
                yield job, "its worker was lost"

    records = harness(grid, Loses(None)).run()
    assert [(record.status, record.reason) for record in records] == [("failed", "its worker was lost")] * 2


@pytest.mark.parametrize("lost", [[RECORD], [SAMPLES], [SAMPLES, WEIGHTS]])
def test_files_that_a_launcher_loses_fail_their_row_alone(harness, grid, registry, lost):
    class Loses(InProcess):
        def run(self, jobs, *, alone=False):
            first = jobs[0]
            for job, reason in super().run(jobs, alone=alone):
                for name in lost if job == first else ():
                    (job.directory / name).unlink()
                yield job, reason

    (one, other) = harness(grid, Loses(registry)).run()
    assert (one.status, one.reason) == ("failed", f"its launcher left no {' and no '.join(lost)} in its directory")
    assert other.status == "done"
    assert [record.status for record in harness(grid).run(retry=True)] == ["done", "done"]


def test_a_speed_that_a_launcher_loses_fails_its_rows(harness, grid):
    class Loses(Launcher):
        def run(self, jobs, *, alone=False):
            yield from ((job, "") for job in jobs)

    grid.kimg, grid.minutes = None, 1.0
    reasons = {record.reason for record in harness(grid, Loses(None)).run()}
    assert reasons == {"its speed could not be measured: its launcher left no speed.json in its directory"}


def test_a_retry_that_is_stopped_goes_on_with_the_next_call(harness, grid):
    class Stopped(Launcher):
        def run(self, jobs, *, alone=False):
            raise KeyboardInterrupt
            yield

    class Loses(Launcher):
        def run(self, jobs, *, alone=False):
            yield from ((job, "its worker was lost") for job in jobs)

    grid.losses = ["minimax"]
    harness(grid, Loses(None)).run()
    with pytest.raises(KeyboardInterrupt):
        harness(grid, Stopped(None)).run(retry=True)
    (record,) = harness(grid).run()
    assert record.status == "done"


def test_a_job_whose_provenance_is_deleted_fails_with_a_reason(harness, grid, monkeypatch):
    def train(*arguments):
        outcome = original(*arguments)
        outcome.directory.provenance_file.unlink()
        return outcome

    original, grid.losses = work._train, ["minimax"]
    monkeypatch.setattr(work, "_train", train)
    (failed,) = harness(grid).run()
    assert failed.status == "failed"
    assert failed.reason.endswith("provenance.json is missing or damaged; train again with --retry")


def test_a_retry_resumes_a_training_that_another_error_stopped(harness, grid, monkeypatch):
    class FullDisk(Callback):
        def progress(self, shown):
            if shown >= 64:
                raise OSError("no space left on the device")

    train, grid.losses = work._train, ["minimax"]
    with monkeypatch.context() as patch:
        patch.setattr(work, "_train", lambda *arguments: train(*arguments, FullDisk()))
        (failed,) = harness(grid).run()
    assert failed.status == "failed" and "no space left" in failed.reason
    again = harness(grid)
    mark = again.work / again.cells[0].name / "run" / "mark"
    mark.touch()
    (record,) = again.run(retry=True)
    assert (record.status, record.shown) == ("done", 128) and mark.exists()


def test_a_job_whose_process_was_stopped_says_so(tmp_path):
    stopped = JobProcess.__new__(JobProcess)
    stopped._process, stopped.log = SimpleNamespace(poll=lambda: INTERRUPTED), tmp_path / "log.txt"
    assert stopped.outcome() == "its process was stopped before its end; its checkpoints are kept"


@pytest.mark.parametrize(("number", "named"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 3, "signal ")])
def test_a_job_whose_process_a_signal_ended_names_it(number, named):
    killed = JobProcess.__new__(JobProcess)
    killed._process = SimpleNamespace(poll=lambda: -number)
    assert killed.outcome().startswith(f"its process was ended by {named}")


def test_a_retry_keeps_a_training_that_ended(harness, grid):
    class LosesTheScore(InProcess):
        def run(self, jobs, *, alone=False):
            yield from ((job, "its score was lost") for job, _ in super().run(jobs))

    grid.losses = ["minimax"]
    first = harness(grid)
    first.launcher = LosesTheScore(first.registry)
    (failed,) = first.run()
    assert (failed.status, failed.shown) == ("failed", 128)
    mark = first.work / first.cells[0].name / "run" / "mark"
    mark.touch()
    (record,) = harness(grid).run(retry=True)
    assert record.status == "done" and mark.exists()


def test_a_grid_runs_in_one_process_at_a_time(harness, grid):
    first = harness(grid)
    first.work.mkdir(parents=True)
    with alone_in(first.work), pytest.raises(GanzooError, match="is in use by process"):
        harness(grid).run()


def test_a_record_holds_no_path_of_this_machine_and_may_hold_infinity(harness, grid, registry, tmp_path):
    grid.losses, file = ["minimax"], tmp_path / "network.pth"
    grid.settings = [*grid.settings, "loop.snapshot_kimg=inf", f"metrics.inception={file}"]
    said = []
    runner = harness(grid)
    (record,) = runner.run()
    assert record.status == "done" and str(tmp_path) not in record.command
    assert record.config["loop"]["snapshot_kimg"] == "inf"
    assert recorded_config(record, registry).values.loop.snapshot_kimg == math.inf
    again = harness(grid)
    again.say = said.append
    again.run()
    assert not any("other settings" in line for line in said)


def test_a_message_about_a_records_settings_names_no_temporary_file(harness, grid, registry):
    grid.losses = ["minimax"]
    (record,) = harness(grid).run()
    record.config["loop"]["pace"] = 3
    with pytest.raises(GanzooError, match=r"^unknown key 'loop\.pace'"):
        recorded_config(record, registry)


def test_a_lost_row_has_the_settings_of_its_other_seeds(harness, grid):
    class LosesOne(InProcess):
        def run(self, jobs, *, alone=False):
            yield from super().run(jobs[:1])
            yield jobs[1], "its worker was lost"

    grid.losses, grid.seeds = ["minimax"], [0, 1]
    runner = harness(grid)
    runner.launcher = LosesOne(runner.registry)
    done, lost = runner.run()
    assert lost.status == "failed" and {**lost.config, "seed": 0} == done.config


def test_a_row_that_is_trained_again_counts_its_neighbours_anew(harness, grid, tmp_path):
    grid.losses = ["minimax"]
    (record,) = harness(grid).run()
    (place,) = (tmp_path / "work/small").glob("*--s0")
    (place / NEIGHBOURS).write_text("3")
    (tmp_path / "results/small/fashion-10k--mlp+minimax--s0.json").unlink()
    grid.settings, grid.name = [*grid.settings, "loop.batch=8"], "small"
    shutil.rmtree(tmp_path / "results")
    (again,) = harness(grid).run()
    assert again.steps_discriminator == 2 * record.steps_discriminator and again.hardware.side_by_side == 1


@pytest.mark.long
def test_a_speed_is_measured_once(harness, grid):
    grid.kimg, grid.minutes, grid.losses = None, 0.002, ["minimax"]
    first = harness(grid)
    first.run()
    assert [job.purpose for job in first.launcher.done] == ["calibrate", "train"]
    grid.seeds = [0, 1]
    second = harness(grid)
    one, other = second.run()
    assert [job.purpose for job in second.launcher.done] == ["train"]
    assert one.budget == other.budget and one.budget.kimg == pytest.approx(one.shown / 1000, abs=0.016)


def test_a_speed_that_another_call_measured_first_holds_for_both(harness, grid, registry):
    class Late(InProcess):
        def run(self, jobs, *, alone=False):
            for job, reason in super().run(jobs, alone=alone):
                if job.purpose == "calibrate":  # with another directory of work, so that no lock excludes it
                    runner._note({job.cell.combination: {"kimg": 0.048, "minutes": 0.002}})
                yield job, reason

    grid.kimg, grid.minutes, grid.losses = None, 0.002, ["minimax"]
    runner = harness(grid, Late(registry))
    (record,) = runner.run()
    assert record.budget.kimg == record.shown / 1000 == 0.048


@pytest.mark.long
def test_rows_of_another_budget_are_not_mixed_in(harness, grid):
    harness(grid).run()
    grid.seeds = [0, 1]
    assert len(harness(grid).run()) == 4
    grid.kimg = 0.256
    with pytest.raises(GanzooError, match=r"was made with kimg 0\.128, not 0\.256; give this grid another --name"):
        harness(grid).run()


def test_only_the_best_rows_keep_their_weights(harness, grid, tmp_path):
    maker = harness(grid)
    records = maker.run()
    assert list(tmp_path.rglob("results/**/*.safetensors")) == []  # no record is scored
    for number, record in enumerate(records):
        record.scores["fid"] = 10.0 - number
        write_record(tmp_path / f"results/small/fashion-10k--{record.recipe}--s0.json", record)
        (tmp_path / "results/small" / record.weights.file).touch()
    grid.losses = ["minimax"]
    harness(grid)._prune_weights(1)  # a call for other rows keeps the weights of the best row
    assert [file.name for file in tmp_path.rglob("results/**/*.safetensors")] == [
        "fashion-10k--mlp+wgan-gp--s0.safetensors"
    ]


def test_a_second_seed_takes_no_combinations_place_among_the_weights(harness, grid, tmp_path):
    first, other = harness(grid).run()
    kept = tmp_path / "results/small"
    for seed, record, fid in ((0, first, 10.0), (1, first, 11.0), (0, other, 12.0)):
        record.scores["fid"] = fid
        name = f"fashion-10k--{record.recipe}--s{seed}"
        record.seed, record.weights.file = seed, f"weights/{name}.safetensors"
        write_record(kept / f"{name}.json", record)
        (kept / record.weights.file).touch()
    harness(grid)._prune_weights(2)
    names = {f"fashion-10k--{record.recipe}--s0.safetensors" for record in (first, other)}
    assert {file.name for file in tmp_path.rglob("results/**/*.safetensors")} == names


def test_each_data_set_keeps_its_best_weights(harness, grid, tmp_path):
    first, other = harness(grid).run()
    kept = tmp_path / "results/small"
    for record, data, fid in ((first, "fashion-10k", 10.0), (other, "mnist", 50.0)):
        name = f"{data}--{record.recipe}--s0"
        record.data, record.scores["fid"], record.weights.file = data, fid, f"weights/{name}.safetensors"
        write_record(kept / f"{name}.json", record)
        (kept / record.weights.file).touch()
    harness(grid)._prune_weights(1)
    assert len(list(tmp_path.rglob("results/**/*.safetensors"))) == 2


def test_a_damaged_record_of_another_call_keeps_all_weights(harness, grid, tmp_path):
    harness(grid).run()
    kept = tmp_path / "results/small"
    (kept / "fashion-10k--dcgan+hinge--s0.json").write_text("{")
    (kept / "weights/some.safetensors").touch()
    lines: list[str] = []
    again = harness(grid)
    again.say = lines.append
    assert len(again.run(keep=0)) == 2
    assert (kept / "weights/some.safetensors").exists()
    assert lines[-1].startswith("warning: ") and lines[-1].endswith("no weights were deleted")


@pytest.fixture(scope="module")
def first_row(registry, tmp_path_factory) -> Path:
    """The results of a grid of one row, trained once."""
    directory = tmp_path_factory.mktemp("row")
    grid = Grid(name="small", recipes=["mlp+minimax"], kimg=0.128, settings=[*SMALL, *TINY_MLP])
    launcher = InProcess(registry)
    Harness(grid, registry, launcher, directory / "results", directory / "work", lambda line: None).run()
    return directory / "results"


@pytest.fixture
def row(first_row, tmp_path):
    """The record of the row, in a copy for each test."""
    shutil.copytree(first_row, tmp_path / "results")
    return tmp_path / "results/small/fashion-10k--mlp+minimax--s0.json"


def test_a_changed_digit_is_refused(row):
    text = row.read_text()
    row.write_text(text.replace('"shown": 128', '"shown": 129'))
    with pytest.raises(GanzooError, match="was changed after it was written"):
        read_record(row)
    content = json.loads(text)
    del content["digest"]
    row.write_text(json.dumps(content))
    with pytest.raises(GanzooError, match="no digest"):
        read_record(row)


def test_a_record_that_breaks_the_schema_is_not_written(row):
    record = read_record(row)
    record.shown = "many"
    with pytest.raises(GanzooError, match="does not follow the schema"):
        write_record(row, record)
    assert read_record(row).shown == 128


def test_verify_says_when_only_the_digest_was_checked(row, registry):
    (row.parent / "weights" / f"{row.stem}.safetensors").unlink(missing_ok=True)
    verdict = verify(row, registry)
    assert verdict.holds is None and "only the digest was checked" in verdict.text


def test_verify_refuses_other_weights(row, registry):
    weights = row.parent / "weights" / f"{row.stem}.safetensors"
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"other")
    with pytest.raises(GanzooError, match="its checksum differs"):
        verify(row, registry)


def test_a_launchers_settings_are_checked(registry):
    assert make_launcher(registry, "local", ["slots=2"]).params.slots == 2
    assert type(make_launcher(registry, None, [])).__name__ == "LocalLauncher"
    for settings, says in ((["slots=0"], "slots is 0"), (["slot=1"], "slot")):
        with pytest.raises(GanzooError, match=says):
            make_launcher(registry, "local", settings)
    with pytest.raises(GanzooError, match="unknown launcher 'slrum'"):
        make_launcher(registry, "slrum", [])


def bench(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganzoo", "bench", "--results", "results", "--work", "work", *arguments]
    return subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


STOPPED = Grid(name="bench", recipes=["mlp+minimax", "mlp+wgan-gp"], kimg=0.8,
               settings=[*SMALL, *TINY_MLP, "loop.snapshot_kimg=0.064"])  # fmt: skip


def weights(results: Path) -> list[str]:
    return [record.weights.sha256 for record in read_records(results / "bench")]


@pytest.fixture(scope="module")
def undisturbed(registry, tmp_path_factory) -> list[str]:
    """Checksums of the weights of an uninterrupted grid, trained in this process."""
    directory = tmp_path_factory.mktemp("undisturbed")
    launcher = InProcess(registry)
    Harness(STOPPED, registry, launcher, directory / "results", directory / "work", lambda line: None).run()
    return weights(directory / "results")


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_grid_stopped_and_called_again_gives_the_same_weights(tmp_path, undisturbed, how):
    recipes, settings = STOPPED.recipes, STOPPED.settings
    arguments = [*(f"--recipe={recipe}" for recipe in recipes), *(f"--set={one}" for one in settings)]
    arguments.append(f"--kimg={STOPPED.kimg}")
    first = bench(tmp_path, *arguments)
    log = tmp_path / f"work/bench/{Cell(recipes[0], 'fashion-10k', 0).name}/run/log.jsonl"
    while not (log.exists() and log.read_text().count("\n") > 3):
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.02)
    first.send_signal(how)
    first.wait()
    assert read_records(tmp_path / "results/bench") == [], "the grid was stopped too late to prove anything"
    second = bench(tmp_path, *arguments)
    output, _ = second.communicate()
    assert second.returncode == 0, output
    assert len(undisturbed) == 2 and weights(tmp_path / "results") == undisturbed


@pytest.mark.long
def test_a_job_whose_process_dies_is_reported(tmp_path, registry):
    launcher = make_launcher(registry, "local", [])
    job = Job("train", "small", Cell("mlp+minimax", "fashion-10k", 0), tmp_path / "job",
              (*SMALL, *TINY_MLP, "loop.snapshot_kimg=0.064"), {"kimg": 100.0})  # fmt: skip
    running = launcher.run([job])
    killer = subprocess.Popen(
        [sys.executable, "-c", _KILL, str(tmp_path / "job/run/log.jsonl"), str(os.getpid())],
    )
    ((_, reason),) = list(running)
    killer.wait()
    assert reason == "its process was ended by SIGKILL"


_KILL = """
import os, pathlib, signal, sys, time
log, parent = pathlib.Path(sys.argv[1]), int(sys.argv[2])
while not log.exists():
    time.sleep(0.02)
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (entry / "cmdline").read_text().split("\\0")
    except OSError:
        continue
    if "ganzoo.bench.work" in words and str(log.parents[1]) in "".join(words):
        os.kill(int(entry.name), signal.SIGKILL)
"""


def test_a_record_keeps_the_values_of_each_class_apart_from_its_scores(harness, registry, tmp_path, monkeypatch):
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    small = ["loop.batch=16", "loop.device=cpu", "data.size=8", "generator.width=8", "discriminator.width=8"]
    scored = ["generator.conditional=true", "metrics.names=[intra-fid]", "metrics.fakes=200"]
    grid = Grid(name="small", architectures=["dcgan"], losses=["hinge"], kimg=0.032, settings=[*small, *scored])
    harness(grid).run()
    (record,) = read_records(tmp_path / "results")
    assert record.scores.keys() == {"intra_fid"} and len(record.extra["by_class"]["intra_fid"]) == 10
    assert "trouser" in record.extra["by_class"]["intra_fid"]
