"""The base class of launchers: plugins that run jobs on this machine, on a Ray cluster or elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from ganzoo.bench.job import Job


class Launcher(ABC):
    """The runner of a benchmark's jobs. It is constructed as ``cls(params)`` in the process of ``ganzoo bench``.

    params: an instance of the entry's ``params`` class, with the values of ``--launcher-set``.
    """

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        """Run every job and yield it with "" if its result is in its directory, or else with the reason it failed.

        :func:`ganzoo.bench.work.perform` does a job, in a process of its own. The process may be stopped and started
        again, since a job continues from the state in its directory. On KeyboardInterrupt the launcher lets its jobs
        write their checkpoints before it raises.

        A job's record says how many jobs its machine trained at once: the launcher writes the largest number to
        ``NEIGHBOURS`` in the job's directory, again and again, since a job that starts anew deletes it. 0 means
        unknown; without the file the job was alone.

        jobs: plain data, which can be sent to another machine. alone: run one job at a time and nothing else, because
        the jobs measure speeds.
        """
