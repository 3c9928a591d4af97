"""A grid on a Ray cluster of two workers; one worker is killed during training."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from ganzoo.bench.grid import Cell, Grid
from ganzoo.bench.harness import Harness, make_launcher
from ganzoo.bench.job import NEIGHBOURS, RECORD, SAMPLES, Job
from ganzoo.bench.record import read_records
from ganzoo.errors import GanzooError
from ganzoo.utils.files import read_jsonl
from ganzoo_launchers import ray as worker
from ganzoo_launchers.ray import _collect

SETTINGS = [
    "generator.width=16", "generator.layers=1", "discriminator.width=16", "discriminator.layers=1", "loop.batch=16",
    "loop.device=cpu", "loop.log_kimg=0.064", "loop.snapshot_kimg=0.064", "metrics.names=[]",
]  # fmt: skip


def test_without_ray_one_line_says_how_to_get_it(registry, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(GanzooError, match=r'pip install "ganzoo\[ray\]"'):
        list(make_launcher(registry, "ray", []).run([]))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ([], "Ray can neither reach nor start a cluster"),
        (["address=auto"], r"no Ray cluster answers at auto \(ConnectionError: nobody there\); .* address=HOST:PORT$"),
    ],
)
def test_a_cluster_that_does_not_answer_is_named(registry, monkeypatch, settings, says):
    def init(**_):
        raise ConnectionError("nobody there")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(GanzooError, match=says):
        list(make_launcher(registry, "ray", settings).run([]))


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ([], False),
        (["cpus=2", "gpus=0.5"], False),
        (["cpus=8"], True),
        (["cpus=4", "gpus=1"], True),  # no single machine has both
    ],
)
def test_jobs_that_no_machine_can_take_are_announced(registry, monkeypatch, caplog, settings, warned):
    machines = [({"CPU": 4.0}, True), ({"CPU": 2.0, "GPU": 1.0}, True), ({"CPU": 64.0, "GPU": 8.0}, False)]
    nodes = [{"Alive": alive, "Resources": resources} for resources, alive in machines]
    task = SimpleNamespace(options=lambda **_: None)
    ray = SimpleNamespace(is_initialized=lambda: True, nodes=lambda: nodes, remote=lambda function: task)
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert list(make_launcher(registry, "ray", settings).run([])) == []
    assert ("no machine of the Ray cluster has" in caplog.text) is warned


def test_a_share_of_several_gpus_is_refused(registry):
    with pytest.raises(GanzooError, match=r"launcher ray: gpus is 1\.5, must be a whole number or below 1"):
        make_launcher(registry, "ray", ["gpus=1.5"])


def test_a_workers_files_replace_those_of_an_earlier_training(tmp_path):
    class Ray:
        exceptions = SimpleNamespace(RayError=RuntimeError)

        @staticmethod
        def get(done):
            return done

    job = Job("train", "grid", Cell("mlp+minimax", "fashion-10k", 0), tmp_path)
    (tmp_path / RECORD).write_bytes(b"old")
    assert _collect(Ray, ("", {RECORD: b"new", SAMPLES: b"images"}), job) == ""
    assert (tmp_path / RECORD).read_bytes() == b"new" and (tmp_path / SAMPLES).read_bytes() == b"images"


def test_an_error_of_a_task_is_named(tmp_path):
    class TaskError(RuntimeError):
        cause = PermissionError(13, "Permission denied", "/jobs")

    class Ray:
        exceptions = SimpleNamespace(RayError=RuntimeError)

        @staticmethod
        def get(done):
            raise TaskError("\x1b[36mray::work()\x1b[39m (pid=1, ip=127.0.0.1)")

    job = Job("train", "grid", Cell("mlp+minimax", "fashion-10k", 0), tmp_path)
    reason = _collect(Ray, None, job)
    assert reason.startswith("its task failed: ") and "Permission denied" in reason and "\x1b" not in reason


@pytest.mark.parametrize(("alone", "noted"), [(True, None), (False, "0")])
def test_a_job_beside_others_says_that_its_neighbours_are_not_known(tmp_path, monkeypatch, alone, noted):
    outcomes = iter([None, ""])
    process = SimpleNamespace(outcome=lambda: next(outcomes))
    monkeypatch.setattr(worker, "JobProcess", lambda job: process)
    monkeypatch.setattr(worker, "POLL", 0)
    assert worker.work(Job("train", "grid", Cell("mlp+minimax", "fashion-10k", 0), tmp_path), alone) == ("", {})
    file = tmp_path / NEIGHBOURS
    assert (file.read_text() if file.exists() else None) == noted


def test_a_cancelled_task_stops_its_job(tmp_path, monkeypatch):
    asked = []

    def cancelled():
        raise KeyboardInterrupt

    process = SimpleNamespace(
        outcome=cancelled, ask_to_stop=lambda: asked.append("stop"), wait=lambda: asked.append("wait")
    )
    monkeypatch.setattr(worker, "JobProcess", lambda job: process)
    with pytest.raises(KeyboardInterrupt):
        worker.work(Job("train", "grid", Cell("mlp+minimax", "fashion-10k", 0), tmp_path), True)
    assert asked == ["stop", "wait"]


def test_the_tasks_that_still_run_are_cancelled_when_no_more_results_are_wanted(registry, tmp_path, monkeypatch):
    class Ray:
        exceptions = SimpleNamespace(RayError=RuntimeError)
        cancelled: ClassVar[list[int]] = []
        is_initialized = staticmethod(lambda: True)
        nodes = staticmethod(lambda: [{"Alive": True, "Resources": {"CPU": 1.0}}])
        wait = staticmethod(lambda tasks, num_returns: (tasks[:1], tasks[1:]))
        get = staticmethod(lambda done: ("", {}))

        @staticmethod
        def remote(function):
            task = SimpleNamespace(remote=lambda job, alone: job.cell.seed)
            return SimpleNamespace(options=lambda **_: task)

        @classmethod
        def cancel(cls, task):
            cls.cancelled.append(task)

    monkeypatch.setitem(sys.modules, "ray", Ray)
    jobs = [Job("train", "grid", Cell("mlp+minimax", "fashion-10k", seed), tmp_path / str(seed)) for seed in range(3)]
    results = make_launcher(registry, "ray", []).run(jobs)
    assert next(results) == (jobs[0], "")
    results.close()
    assert Ray.cancelled == [1, 2]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(registry, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    def grid(name: str) -> Grid:
        return Grid(name=name, recipes=["mlp+minimax", "mlp+wgan-gp"], kimg=6.4, settings=SETTINGS)

    def weights(name: str) -> list[str]:
        return [record.weights.sha256 for record in read_records(tmp_path / "results" / name)]

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # Ray sets this for a task of one core; sums depend on it
    local = make_launcher(registry, "local", [])
    Harness(grid("calm"), registry, local, tmp_path / "results", tmp_path / "work", print).run()

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    launcher = make_launcher(registry, "ray", [f"address={cluster.address}"])
    try:
        begun = _run_in_background(
            Harness(grid("killed"), registry, launcher, tmp_path / "results", tmp_path / "work", print)
        )
        logs = tmp_path / "work" / "killed"
        while sum(len(read_jsonl(log)) > 5 for log in logs.glob("*/run/log.jsonl")) < 2:
            assert begun.is_alive()
            time.sleep(0.05)
        cluster.remove_node(nodes[0], allow_graceful=False)
        begun.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert weights("calm") == weights("killed") and len(weights("killed")) == 2
    assert _begun_twice(logs) == 1


def _run_in_background(harness: Harness):
    import threading

    thread = threading.Thread(target=harness.run)
    thread.start()
    return thread


def _begun_twice(logs: Path) -> int:
    """Return how many jobs were resumed: the log of their last process begins after 0.1 kimg."""
    firsts = [float(log.read_text().split("kimg  D")[0].split()[-1]) for log in logs.glob("*/log.txt")]
    return sum(first > 0.1 for first in firsts)
