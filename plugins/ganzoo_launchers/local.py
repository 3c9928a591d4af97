"""Jobs as processes of this machine."""

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
    """One process per job; several side by side where they are measured to pay.

    On a GPU :class:`Slots` measures it while they train, on a CPU :func:`choose_sharing` before the first one starts.
    """

    params: LocalParams

    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        fixed, on_cpu = self.params.slots, any("loop.device=cpu" in job.settings for job in jobs)
        timed = any(job.budget.get("minutes") is not None for job in jobs)  # their times are compared
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
                    _tell_neighbours(running)
                elif len(running) - len(stopping) > allowed:
                    stopping.append(running[-1])
                    running[-1].ask_to_stop()
                for one in list(running):
                    outcome = one.outcome()
                    if outcome is None:
                        continue
                    running.remove(one)
                    if one in stopping:
                        stopping.remove(one)
                        if outcome:  # it goes on from its checkpoint when its turn comes
                            waiting.insert(0, one.job)
                            continue
                    yield one.job, outcome
                time.sleep(POLL)
        finally:
            _stop(running)


class Slots:
    """How many jobs run side by side: ``fixed``, or as many as the speed of the first one speaks for.

    The first job is measured alone before a second one joins it. n jobs side by side pay where n times the first one's
    speed exceeds what n - 1 reached by ``gain``: images of different combinations cannot be added up. A job that
    joined and did not pay is to stop, and no further one is tried.
    """

    def __init__(self, fixed: int | None, gain: float) -> None:
        self.count = self._paid = fixed or 1
        self._settled, self._gain = fixed is not None, gain
        self._jobs = list[Job]()
        self._speeds: dict[int, float] = {}  # of the first job, by how many ran
        self._since: int | None = None  # lines of its log when all jobs were under way

    def allowed(self, running: Sequence[JobProcess]) -> int:
        """How many may run now; where more do, the last one is to stop."""
        jobs = [one.job for one in running]
        if self._settled or not jobs:
            return self.count
        if jobs != self._jobs:
            self._since = None
        if jobs[:1] != self._jobs[:1]:  # another first job: what was tried with the one before says nothing of it
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
        """Of the first job's log interval that began after every job was under way; None while there is none."""
        logs = [read_jsonl(one.job.directory / "run" / "log.jsonl") for one in running]
        if self._since is None and all(len(log) > 2 for log in logs):  # the first intervals warm up
            self._since = len(logs[0])
        if self._since is None or len(logs[0]) < self._since + 2:
            return None
        return float(logs[0][-1]["pictures_per_second"])


def _gpu_memory() -> tuple[float, float] | None:
    """Used and free MiB of the first GPU; None where there is none. Asked of the driver: no context of our own."""
    try:
        text = subprocess.run(  # the driver's, wherever it is
            ["nvidia-smi", "--query-gpu=memory.used,memory.free", "--format=csv,noheader,nounits"],  # noqa: S607
            capture_output=True, text=True, check=True, timeout=20,
        ).stdout  # fmt: skip
        used, free = text.splitlines()[0].split(",")
        return float(used), float(free)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _tell_neighbours(running: list[JobProcess]) -> None:
    """Each job's record says how many ran beside it at most."""
    for one in running:
        file: Path = one.job.directory / NEIGHBOURS
        before = 1
        with contextlib.suppress(OSError, ValueError):
            before = int(file.read_text())
        file.write_text(str(max(before, len(running))))


def _stop(running: list[JobProcess]) -> None:
    """Let each write its checkpoint; whoever asks a second time ends them at once."""
    for one in running:
        one.ask_to_stop()
    try:
        for one in running:
            one.wait()
    finally:
        for one in running:
            one.kill()
