"""Runs jobs as tasks of a Ray cluster (`pip install "ganzoo[ray]"`)."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ganzoo.bench.job import NEIGHBOURS, RECORD, SAMPLES, SPEED, WEIGHTS, Job
from ganzoo.bench.launcher import Launcher
from ganzoo.bench.process import JobProcess
from ganzoo.errors import GanzooError, described
from ganzoo_launchers import RayParams

logger = logging.getLogger(f"ganzoo.{__name__}")
POLL = 0.5
RESULTS = (RECORD, SAMPLES, WEIGHTS, SPEED)


def work(job: Job, alone: bool) -> tuple[str, dict[str, bytes]]:
    """Run a job in its own process on a worker. Return its outcome and its small result files.

    The process ends with its worker. If the task is cancelled, it writes a checkpoint first. If the workers share the
    directory, the next try continues from the checkpoint.
    alone: whether this is the only job that the cluster runs; otherwise its machine may run others.
    """
    process = JobProcess(job)
    try:
        while (outcome := process.outcome()) is None:
            if not alone:
                (job.directory / NEIGHBOURS).write_text("0")
            time.sleep(POLL)
    except KeyboardInterrupt:  # Ray's way to cancel a task
        process.ask_to_stop()
        process.wait()
        raise
    return outcome, {name: (job.directory / name).read_bytes() for name in RESULTS if (job.directory / name).is_file()}


class RayLauncher(Launcher):
    """A launcher with one task per job. If workers do not share the jobs' directory, a lost job starts from scratch."""

    params: RayParams

    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        ray = _import_ray()
        if not ray.is_initialized():
            _connect(ray, self.params.address)
        _warn_of_endless_waits(ray, self.params)
        task = ray.remote(work).options(
            num_cpus=self.params.cpus,
            num_gpus=self.params.gpus,
            max_retries=self.params.retries,
            retry_exceptions=False,
        )
        jobs = [dataclasses.replace(job, directory=job.directory.resolve()) for job in jobs]
        for batch in [[job] for job in jobs] if alone else [jobs]:
            waiting = {task.remote(job, len(batch) == 1): job for job in batch}
            try:
                while waiting:
                    (done,), _ = ray.wait(list(waiting), num_returns=1)
                    job = waiting.pop(done)
                    yield job, _collect(ray, done, job)
            finally:  # after Ctrl-C, or if the caller needs no more results
                for running in waiting:
                    ray.cancel(running)


def _collect(ray: Any, done: Any, job: Job) -> str:
    try:
        outcome, files = ray.get(done)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)  # of an error in the task itself; its own text begins with Ray's address
        if cause is not None:
            return f"its task failed: {described(cause)}"
        return f"its worker was lost: {str(error).strip().splitlines()[0]}"
    job.directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (job.directory / name).write_bytes(content)  # may replace a file of an earlier training
    return str(outcome)


def _connect(ray: Any, address: str | None) -> None:
    """Connect to the cluster at an address, or start one here. Raises GanzooError if that fails."""
    try:
        ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    except Exception as error:  # Ray raises many types
        where = f"no Ray cluster answers at {address}" if address else "Ray can neither reach nor start a cluster"
        raise GanzooError(
            f"{where} ({described(error)}); give the address of one with --launcher-set address=HOST:PORT"
        ) from error


def _warn_of_endless_waits(ray: Any, params: RayParams) -> None:
    """Log a warning if no machine of the cluster is large enough for a job, since Ray waits for one without a word."""
    needs = {"CPU": params.cpus, "GPU": params.gpus}
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(machine.get(kind, 0) >= count for kind, count in needs.items()) for machine in machines):
        asked = " and ".join(f"{kind.lower()}s={count:g}" for kind, count in needs.items())
        logger.warning(
            f"no machine of the Ray cluster has {asked}; the jobs wait until one joins, or give each fewer "
            "with --launcher-set"
        )


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise GanzooError('the launcher ray needs Ray; install it with `pip install "ganzoo[ray]"`') from error
    return ray
