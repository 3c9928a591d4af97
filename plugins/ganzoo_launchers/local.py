"""Runs jobs as processes of this machine."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganzoo.bench.job import NEIGHBOURS, Job
from ganzoo.bench.launcher import Launcher
from ganzoo.bench.process import JobProcess
from ganzoo.console.messages import say
from ganzoo.utils.files import read_jsonl
from ganzoo_launchers import LocalParams
from ganzoo_launchers.sharing import choose_sharing

POLL = 0.2


class LocalLauncher(Launcher):
    """A launcher with one process per job, several side by side if measurements show that they finish earlier.

    On a GPU, :class:`Slots` measures while the jobs train; on a CPU, :func:`choose_sharing` measures before the first
    one starts.
    """

    params: LocalParams

    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        fixed, on_cpu = self.params.slots, any("loop.device=cpu" in job.settings for job in jobs)
        timed = any(job.budget.get("minutes") is not None for job in jobs)  # timed jobs must not slow each other down
        if alone or (fixed is None and timed):
            fixed = 1
        elif fixed is None and (on_cpu or _gpu_memory() is None):
            sharing = choose_sharing(jobs, say)
            fixed, jobs = sharing.slots, sharing.of(jobs)
        waiting, running, stopping = list(jobs), list[JobProcess](), list[JobProcess]()
        slots = Slots(fixed, self.params.gain)
        try:
            while waiting or running:
                allowed = slots.allowed(running)
                if waiting and len(running) < allowed and not stopping:
                    running.append(JobProcess(waiting.pop(0)))
                elif len(running) - len(stopping) > allowed:
                    stopping.append(running[-1])
                    running[-1].ask_to_stop()
                _tell_neighbours(running)
                for one in list(running):
                    outcome = one.outcome()
                    if outcome is None:
                        continue
                    running.remove(one)
                    if one in stopping:
                        stopping.remove(one)
                        if outcome:  # it continues from its checkpoint when its turn comes
                            waiting.insert(0, one.job)
                            continue
                    yield one.job, outcome
                time.sleep(POLL)
        finally:
            _stop(running)


class Slots:
    """The number of jobs side by side: ``fixed``, or a number chosen by the measured speed of the first job.

    The first job is measured alone before a second one joins it. n jobs side by side pay if n times the first job's
    speed exceeds the same product for n - 1 jobs by the share ``gain``. Only the first job's speed counts, since images
    of different combinations cannot be added up. If a job joined and did not pay, it is stopped and no further one is
    tried.
    """

    def __init__(self, fixed: int | None, gain: float) -> None:
        self.count = self._paid = fixed or 1
        self._settled, self._gain = fixed is not None, gain
        self._jobs = list[Job]()
        self._speeds: dict[int, float] = {}  # speed of the first job, by the number of jobs
        self._since: int | None = None  # lines of the first job's log when all jobs were training

    def allowed(self, running: Sequence[JobProcess]) -> int:
        """Return how many jobs may run now. If more are running, the caller stops the last one."""
        jobs = [one.job for one in running]
        if self._settled or not jobs:
            return self.count
        if jobs != self._jobs:
            self._since = None
        if jobs[:1] != self._jobs[:1]:  # a new first job: its speeds are not comparable with the old one's
            self.count, self._speeds = self._paid, {}
        self._jobs = jobs
        speed = self._speed(running) if len(jobs) == self.count else None
        if speed is not None:
            self._speeds[self.count] = speed
            self._decide()
        return self.count

    def _decide(self) -> None:
        """Settle the number of jobs, or try one more."""
        count, before = self.count, self._speeds.get(self.count - 1)
        if before is not None and count * self._speeds[count] <= (count - 1) * before * (1 + self._gain):
            self.count, self._settled = count - 1, True
            return
        self._paid, memory = count, _gpu_memory()
        if memory is not None and memory[1] > 1.5 * memory[0] / count:
            self.count += 1
        else:
            self._settled = True

    def _speed(self, running: Sequence[JobProcess]) -> float | None:
        """Return the first job's speed in an interval of its log in which every job was training; None if too early."""
        logs = [read_jsonl(one.job.directory / "run" / "log.jsonl") for one in running]
        if self._since is None and all(len(log) > 2 for log in logs):  # the first intervals warm up
            self._since = len(logs[0])
        if self._since is None or len(logs[0]) < self._since + 2:
            return None
        return float(logs[0][-1]["pictures_per_second"])


def _gpu_memory() -> tuple[float, float] | None:
    """Return the used and free MiB of the first GPU; None without a GPU. Asks the driver, to create no CUDA context."""
    try:
        text = subprocess.run(  # found on the PATH, since the driver's place differs
            ["nvidia-smi", "--query-gpu=memory.used,memory.free", "--format=csv,noheader,nounits"],  # noqa: S607
            capture_output=True, text=True, check=True, timeout=20,
        ).stdout  # fmt: skip
        used, free = text.splitlines()[0].split(",")
        return float(used), float(free)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _tell_neighbours(running: list[JobProcess]) -> None:
    """Write to each job's directory the largest number of jobs that ran at once, for its record.

    A job that starts its run anew deletes the file, so this is called again and again.
    """
    for one in running:
        file: Path = one.job.directory / NEIGHBOURS
        before = 0
        with contextlib.suppress(OSError, ValueError):
            before = int(file.read_text())
        if len(running) > before:
            file.write_text(str(len(running)))


def _stop(running: list[JobProcess]) -> None:
    """Let each job write its checkpoint. A second interrupt ends all jobs at once."""
    for one in running:
        one.ask_to_stop()
    try:
        for one in running:
            one.wait()
    finally:
        for one in running:
            one.kill()
