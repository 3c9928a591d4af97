"""How jobs share a CPU: with a stand-in for the measurement, and once measured in real processes."""

from __future__ import annotations

import pytest

from ganzoo.bench.grid import Cell
from ganzoo.bench.job import NEIGHBOURS, Job
from ganzoo_launchers import LocalParams, local, sharing
from ganzoo_launchers.local import LocalLauncher
from ganzoo_launchers.sharing import FILE, Sharing, choose_sharing, finish, measure
from ganzoo_launchers.step import StepProcess

CPU = "loop.device=cpu"


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("ganzoo.utils.openmp._chosen", None)
    monkeypatch.setattr("ganzoo.utils.openmp.processors", lambda: 2)


@pytest.fixture
def jobs(tmp_path):
    def made(count=4, *settings, recipe="mlp+minimax", kimg=100.0, **budget):
        return [
            Job("train", "g", Cell(recipe, "fashion-10k", seed), tmp_path / f"{recipe}-{seed}", (CPU, *settings),
                {"kimg": kimg, **budget})
            for seed in range(count)
        ]  # fmt: skip

    return made


@pytest.fixture
def measured(monkeypatch):
    """A function that sets the speeds (alone, side by side) by architecture and returns the list of measurements."""
    asked = list[tuple[str, int, int]]()

    def speeds(**by_recipe):
        def stand_in(job, count, threads):
            asked.append((job.cell.recipe, count, threads))
            return by_recipe[job.cell.recipe.partition("+")[0]]

        monkeypatch.setattr(sharing, "measure", stand_in)
        return asked

    return speeds


def test_two_jobs_run_side_by_side_where_one_thread_makes_most_of_two(jobs, measured):
    asked, said = measured(mlp=(100.0, 80.0)), []
    assert choose_sharing(jobs(), said.append) == Sharing(2, 1, 1.6)
    assert asked == [("mlp+minimax", 2, 1)]
    assert said == ["2 jobs side by side with 1 thread each: measured to finish 1.60 times as early"]


def test_jobs_run_one_at_a_time_where_a_second_thread_pays(jobs, measured):
    measured(mlp=(100.0, 52.0))
    said = []
    assert choose_sharing(jobs(), said.append) == Sharing(1, None, 0.962)
    assert said == ["one job at a time: 2 side by side with 1 thread each would take 0.96 times as long"]


def test_the_whole_grid_counts(jobs, measured):
    """dcgan decides for the whole grid: it gains from a second thread and takes ten times as long as mlp."""
    asked = measured(mlp=(1000.0, 900.0), dcgan=(100.0, 40.0))
    grid = [*jobs(2), *jobs(2, recipe="dcgan+minimax")]
    assert choose_sharing(grid, lambda _: None).slots == 1
    assert [recipe for recipe, *_ in asked] == ["mlp+minimax", "dcgan+minimax"]


def test_an_odd_job_at_the_end_counts(jobs):
    three = jobs(3)
    name = three[0].cell.combination
    alone, shared = {name: 100.0}, {name: 60.0}
    assert finish(three, alone, 1) == 3000.0
    assert finish(three, shared, 2) == pytest.approx(2 * 100_000 / 60)
    assert finish(jobs(4), shared, 2) == pytest.approx(2 * 100_000 / 60)


def test_threads_are_shared_out_among_few_jobs(jobs, measured, monkeypatch):
    monkeypatch.setattr("ganzoo.utils.openmp.processors", lambda: 64)
    asked = measured(mlp=(100.0, 90.0))
    assert choose_sharing(jobs(3), lambda _: None) == Sharing(3, 21, 2.7)
    assert asked == [("mlp+minimax", 3, 21)]


@pytest.mark.parametrize(
    "settings, count, kimg",
    [(["loop.threads=2"], 4, 100.0), ([], 1, 100.0), ([], 4, 10.0)],
    ids=["threads are set", "one job", "short jobs"],
)
def test_nothing_is_measured_where_it_does_not_pay_or_is_set(jobs, measured, settings, count, kimg):
    asked = measured(mlp=(100.0, 90.0))
    assert choose_sharing(jobs(count, *settings, kimg=kimg), lambda _: None) == Sharing() and asked == []


def test_the_number_of_threads_in_the_environment_wins(jobs, measured, monkeypatch):
    asked = measured(mlp=(100.0, 90.0))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert choose_sharing(jobs(), lambda _: None) == Sharing() and asked == []


def test_a_grid_goes_on_with_its_choice(jobs, measured, tmp_path):
    asked = measured(mlp=(100.0, 80.0))
    first = choose_sharing(jobs(), lambda _: None)
    measured(mlp=(100.0, 20.0))
    assert choose_sharing(jobs(1), lambda _: None) == first and len(asked) == 1
    for damaged in (b"", b"[]", b'{"slots": 0}', b'{"slots": 2, "threads": "1"}', b'{"slots": true}', b'{"x": 1}'):
        (tmp_path / FILE).write_bytes(damaged)
        assert choose_sharing(jobs(), lambda _: None).slots == 1


def test_a_step_that_cannot_be_measured_is_told(jobs, monkeypatch):
    def failing(job, count, threads):
        raise ValueError("its process has ended")

    monkeypatch.setattr(sharing, "measure", failing)
    said = []
    assert choose_sharing(jobs(), said.append) == Sharing()
    assert len(said) == 1 and "could not be measured: its process has ended" in said[0]


class Done:
    """A stand-in for ``JobProcess`` that is done at the third call of ``outcome``."""

    started = list[Job]()

    def __init__(self, job: Job) -> None:
        self.job, self.asked = job, 0
        job.directory.mkdir(parents=True, exist_ok=True)
        Done.started.append(job)

    def outcome(self) -> str | None:
        self.asked += 1
        return "" if self.asked > 2 else None

    def ask_to_stop(self) -> None: ...

    def wait(self) -> None: ...

    def kill(self) -> None: ...


@pytest.fixture
def launched(monkeypatch):
    """A function that runs jobs and returns the started ones and, from each job's file, the most that ran at once."""
    monkeypatch.setattr(local, "JobProcess", Done)
    monkeypatch.setattr(local, "POLL", 0)
    monkeypatch.setattr(Done, "started", [])

    def run(jobs, alone=False, **params):
        outcomes = list(LocalLauncher(LocalParams(**params)).run(jobs, alone=alone))
        assert len(outcomes) == len(jobs)
        return Done.started, [int((job.directory / NEIGHBOURS).read_text()) for job in jobs]

    return run


def test_the_launcher_starts_jobs_with_their_threads_side_by_side(jobs, measured, launched, capsys):
    measured(mlp=(100.0, 80.0))
    started, neighbours = launched(jobs())
    assert [job.settings for job in started] == [(CPU, "loop.threads=1")] * 4 and set(neighbours) == {2}
    assert capsys.readouterr().out.splitlines()[0].startswith("2 jobs side by side with 1 thread each")


@pytest.mark.parametrize(
    "options", [{"slots": 1}, {"alone": True}, {"minutes": 10.0}], ids=["slots", "speeds", "minutes"]
)
def test_the_launcher_measures_nothing_where_the_number_is_known(jobs, measured, launched, options):
    asked = measured(mlp=(100.0, 80.0))
    budget = {"minutes": options.pop("minutes")} if "minutes" in options else {}
    started, neighbours = launched(jobs(**budget), **options)
    assert {job.settings for job in started} == {(CPU,)} and set(neighbours) == {1} and asked == []


@pytest.mark.long
@pytest.mark.seconds
def test_a_job_is_measured_in_processes_of_its_own(jobs, monkeypatch):
    monkeypatch.setattr(sharing, "ROUNDS", 1)
    monkeypatch.setattr(sharing, "SECONDS", 0.05)
    tiny = "generator.width=8", "discriminator.width=8", "data.size=8", "loop.batch=4"
    (job,) = jobs(1, *tiny)
    assert min(measure(job, 2, 1)) > 0
    (failing,) = jobs(1, "generator.width=no", recipe="mlp+hinge")
    process = StepProcess(failing)
    try:
        with pytest.raises(ValueError, match=r"its process has ended, see .*step.txt"):
            process.threads()
    finally:
        process.close()
    assert "generator.width" in (failing.directory / "step.txt").read_text()
