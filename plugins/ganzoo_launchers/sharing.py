"""Chooses how the jobs of a grid share a CPU: one at a time with all threads, or several at once with fewer threads.

A small network gains little from a second thread: if one thread reaches 80 % of the speed of two, two jobs with one
thread each finish earlier. Threads that share a core or the caches may undo that. So both ways are measured in turn,
with the grid's own steps, before the first job starts. The number of threads changes rounding and is a setting of each
job, so the choice is saved next to the jobs and an interrupted grid continues with it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from ganzoo.bench.job import Job
from ganzoo.utils import openmp
from ganzoo.utils.files import write_text
from ganzoo.utils.safe_yaml import parse_json
from ganzoo.utils.waiting import counted
from ganzoo_launchers.step import StepProcess

FILE = "side-by-side.json"  # next to the directories of the jobs
WAIT = "measuring whether jobs side by side finish earlier"
MOST = 8  # jobs side by side at most, since each needs its own memory
WORTH = 50.0  # kimg per combination; with fewer, measuring takes longer than it saves
LEAST_GAIN = 1.05  # least speed-up at which jobs run side by side
ROUNDS, SECONDS = 3, 1.5  # rounds of measuring a combination, and the seconds of each measurement

Speeds = tuple[float, float]
"""Images per second of a job alone with all threads, and of each of several side by side."""


@dataclass(frozen=True)
class Sharing:
    """The number of jobs side by side, and the threads of each; None for a job's default number.

    gain: the time that the grid takes in the other way, as a multiple of the time in this way.
    """

    slots: int = 1
    threads: int | None = None
    gain: float = 1.0

    def of(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs with their number of threads."""
        own = () if self.threads is None else (f"loop.threads={self.threads}",)
        return [replace(job, settings=(*job.settings, *own)) for job in jobs]


def choose_sharing(jobs: Sequence[Job], say: Callable[[str], None]) -> Sharing:
    """Return how jobs share the CPU they train on: the saved choice, or one that is measured now.

    The user's choice wins: with ``loop.threads`` or OMP_NUM_THREADS, jobs run one at a time. Jobs also run one at a
    time if they are too few or too short, or if their steps cannot be measured.
    """
    pinned = any(setting.startswith("loop.threads=") for job in jobs for setting in job.settings)
    if not jobs or pinned or openmp.is_set_by_user():
        return Sharing()
    file = jobs[0].directory.parent / FILE
    if (known := _read(file)) is not None:
        return known
    count = min(len(jobs), openmp.processors(), MOST)
    combinations = {job.cell.combination: job for job in jobs}
    if count < 2 or sum(job.budget.get("kimg") or 0.0 for job in jobs) < WORTH * len(combinations):
        return Sharing()
    threads, speeds = openmp.processors() // count, dict[str, Speeds]()
    try:
        for name, job in counted(WAIT, combinations.items(), len(combinations), "combinations"):
            speeds[name] = measure(job, count, threads)
    except (ValueError, LookupError, TypeError) as error:
        say(f"one job at a time, as the speed of {name} could not be measured: {error}")
        return Sharing()
    alone = finish(jobs, {name: speed for name, (speed, _) in speeds.items()}, 1)
    shared = finish(jobs, {name: speed for name, (_, speed) in speeds.items()}, count)
    chosen = Sharing(gain=round(shared / alone, 3))
    if alone >= LEAST_GAIN * shared:
        chosen = Sharing(count, threads, round(alone / shared, 3))
    write_text(file, json.dumps(asdict(chosen)) + "\n")
    say(_in_words(chosen, count, threads))
    return chosen


def measure(job: Job, count: int, threads: int) -> Speeds:
    """Measure a job's step in turn: one process with all threads, and ``count`` processes with ``threads`` each.

    Raises ValueError, LookupError or TypeError if a process fails or does not train on the CPU.
    """
    with ExitStack() as stack:
        processes = [StepProcess(job) for _ in range(count)]
        for process in processes:
            stack.callback(process.close)
        most = min(process.threads() for process in processes)
        if most < 1:
            raise ValueError("it does not train on the CPU")
        pairs = [_pair(processes, most, threads) for _ in range(ROUNDS)]
    alone = median(one for one, _ in pairs)
    return alone, alone * median(shared / one for one, shared in pairs)


def _pair(processes: Sequence[StepProcess], most: int, threads: int) -> Speeds:
    processes[0].begin(most, SECONDS)
    alone = processes[0].end()
    for process in processes:
        process.begin(threads, SECONDS)
    return alone, sum(process.end() for process in processes) / len(processes)


def finish(jobs: Sequence[Job], speeds: Mapping[str, float], slots: int) -> float:
    """Return the seconds until the last job has trained, each started as soon as a slot is free."""
    free = [0.0] * slots
    for job in jobs:
        heapq.heapreplace(free, free[0] + 1000 * (job.budget.get("kimg") or 1.0) / speeds[job.cell.combination])
    return max(free)


def _in_words(chosen: Sharing, count: int, threads: int) -> str:
    each = f"{threads} thread{'s' if threads > 1 else ''} each"
    if chosen.slots == 1:
        return f"one job at a time: {count} side by side with {each} would take {chosen.gain:.2f} times as long"
    return f"{count} jobs side by side with {each}: measured to finish {chosen.gain:.2f} times as early"


def _read(file: Path) -> Sharing | None:
    """Return the saved choice; None if it is missing or damaged."""
    with suppress(OSError, ValueError, TypeError):
        found = Sharing(**parse_json(file.read_bytes()))
        whole = [found.slots] if found.threads is None else [found.slots, found.threads]
        if all(type(number) is int and number >= 1 for number in whole):
            return found
    return None
