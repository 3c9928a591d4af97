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
from ganzoo.textfiles import read_jsonl
from ganzoo_launchers import LocalParams

POLL = 0.2


class LocalLauncher(Launcher):
    """One process per job. On a GPU another is added while memory allows it and the last one was worth it."""

    params: LocalParams

    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        waiting, running = list(jobs), list[JobProcess]()
        on_cpu = any("loop.device=cpu" in job.settings for job in jobs)
        slots = _Slots(1 if alone or (on_cpu and self.params.slots is None) else self.params.slots, self.params.gain)
        try:
            while waiting or running:
                if waiting and slots.free(running):
                    running.append(JobProcess(waiting.pop(0)))
                    _tell_neighbours(running)
                for one in list(running):
                    outcome = one.outcome()
                    if outcome is not None:
                        running.remove(one)
                        yield one.job, outcome
                time.sleep(POLL)
        finally:
            _stop(running)


class _Slots:
    """How many may run side by side."""

    def __init__(self, fixed: int | None, gain: float) -> None:
        self.fixed, self.gain = fixed, gain
        self.speeds: dict[int, float] = {}  # all pictures per second, by how many ran

    def free(self, running: list[JobProcess]) -> bool:
        count = len(running)
        if count == 0:
            return True
        memory = _gpu_memory() if self.fixed is None else None
        if self.fixed is not None or memory is None:
            return count < (self.fixed or 1)
        speeds = [_pictures_per_second(one.job) for one in running]
        if not all(speeds):
            return False
        self.speeds[count] = sum(speeds)
        used, free = memory
        pays = count == 1 or self.speeds[count] > self.speeds.get(count - 1, 0.0) * (1 + self.gain)
        return pays and free > 1.5 * used / count


def _pictures_per_second(job: Job) -> float:
    """Of its last log interval; 0 before the third, since the first ones warm up."""
    log = read_jsonl(job.folder / "run" / "log.jsonl")
    return log[-1]["pictures_per_second"] if len(log) > 2 else 0.0


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
        file: Path = one.job.folder / NEIGHBOURS
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
