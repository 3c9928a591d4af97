"""How many jobs the local launcher runs side by side, tested with a stand-in for a GPU."""

from __future__ import annotations

import json

import pytest

from ganzoo.bench.grid import Cell
from ganzoo.bench.job import NEIGHBOURS, Job
from ganzoo_launchers import LocalParams, local
from ganzoo_launchers.local import LocalLauncher

LINES = 30  # lines in the log of a job that runs alone from beginning to end


class Gpu:
    """A stand-in for a GPU. together: total speed by number of jobs, relative to one; alone: images/s by job."""

    def __init__(self, together: dict[int, float], alone: dict[str, float]) -> None:
        self.together, self.alone = together, alone
        self.running = list[str]()
        self.history = list[tuple[str, ...]]()  # the running jobs at each line of the first job's log
        self.shown: dict[str, float] = {}

    def process(self, job: Job) -> Process:
        return Process(self, job)


class Process:
    """A stand-in for ``JobProcess``: each call of ``outcome`` is one interval of training."""

    def __init__(self, gpu: Gpu, job: Job) -> None:
        self.gpu, self.job, self.stopped = gpu, job, False
        self.name = job.directory.name
        self.log = job.directory / "run/log.jsonl"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        gpu.running.append(self.name)

    def outcome(self) -> str | None:
        gpu = self.gpu
        if self.stopped:
            gpu.running.remove(self.name)
            return "its process ended with 130: Interrupted"
        if self.name == gpu.running[0]:
            gpu.history.append(tuple(gpu.running))
        share = gpu.together.get(len(gpu.running), 1.0) / len(gpu.running)
        gpu.shown[self.name] = gpu.shown.get(self.name, 0.0) + share
        with self.log.open("a") as log:
            log.write(json.dumps({"pictures_per_second": share * gpu.alone.get(self.name, 100.0)}) + "\n")
        if gpu.shown[self.name] < LINES:
            return None
        gpu.running.remove(self.name)
        return ""

    def ask_to_stop(self) -> None:
        self.stopped = True

    def wait(self) -> None: ...

    def kill(self) -> None: ...


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """A function that runs jobs a, b, c, ... on such a GPU and returns the GPU and each job's name and outcome."""

    def launched(together, count=4, budget=None, alone=None, memory=(1000.0, 80000.0), measured=False, **params):
        gpu = Gpu(together, alone or {})
        monkeypatch.setattr(local, "JobProcess", gpu.process)
        monkeypatch.setattr(local, "POLL", 0)
        monkeypatch.setattr(local, "_gpu_memory", lambda: memory)
        jobs = [
            Job("train", "g", Cell("mlp+minimax", "fashion-10k", n), tmp_path / "abcdef"[n], (), budget or {"kimg": 9})
            for n in range(count)
        ]
        launcher = LocalLauncher(LocalParams(**params))
        outcomes = [(job.directory.name, outcome) for job, outcome in launcher.run(jobs, alone=measured)]
        return gpu, outcomes

    return launched


def most(gpu: Gpu) -> int:
    return max(len(names) for names in gpu.history)


def test_a_second_job_that_does_not_pay_leaves_again_and_goes_on_later(launch):
    gpu, outcomes = launch({1: 1.0, 2: 1.05})
    assert outcomes == [(name, "") for name in "abcd"]
    assert gpu.history[:3] == [("a",)] * 3  # job a is measured alone before it shares the GPU
    shared = [names for names in gpu.history if len(names) > 1]
    assert set(shared) == {("a", "b")} and len(shared) < 8  # no other pair is tried


def test_as_many_run_as_pay(launch, tmp_path):
    gpu, outcomes = launch({1: 1.0, 2: 1.9, 3: 1.95}, count=6)
    assert sorted(outcomes) == [(name, "") for name in "abcdef"]
    assert most(gpu) == 3 and len([names for names in gpu.history if len(names) == 3]) < 10
    counts = [len(names) for names in gpu.history]
    begun, ended = counts.index(2), len(counts) - counts[::-1].index(2)
    assert counts[begun:ended].count(1) <= 6  # at most one interval alone per job
    assert (tmp_path / "a" / NEIGHBOURS).read_text() == "3"


def test_a_faster_combination_is_no_gain(launch):
    """The images of b are cheap, so it raises the total images per second, but both jobs train at half their speed."""
    gpu, _ = launch({1: 1.0, 2: 1.0}, count=2, alone={"a": 100.0, "b": 1000.0})
    assert len([names for names in gpu.history if len(names) > 1]) < 8


@pytest.mark.parametrize("budget", [{"kimg": 9, "minutes": 2.0}, {"minutes": 2.0}])
def test_rows_of_minutes_run_alone(launch, budget):
    gpu, outcomes = launch({1: 1.0, 2: 2.0}, budget=budget)
    assert most(gpu) == 1 and len(outcomes) == 4


def test_jobs_whose_speed_is_measured_run_alone(launch):
    assert most(launch({1: 1.0, 2: 2.0}, measured=True)[0]) == 1


def test_as_many_run_as_are_asked_for(launch):
    assert most(launch({1: 1.0, 2: 1.0, 3: 1.0}, slots=3)[0]) == 3


def test_where_memory_is_short_a_job_stays_alone(launch):
    assert most(launch({1: 1.0, 2: 2.0}, memory=(60000.0, 20000.0))[0]) == 1
