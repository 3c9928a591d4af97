"""Where jobs run. A launcher is a plugin: this machine, a Ray cluster, or another place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from ganzoo.bench.job import Job


class Launcher(ABC):
    """Runs the jobs of a benchmark. Constructed as ``cls(params)`` in the process of ``ganzoo bench``.

    params: an instance of the entry's ``params``, with the values of ``--launcher-set``.
    """

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        """Do every job and yield each with "" when its result lies in its directory, else with the reason it does not.

        A job is done by :func:`ganzoo.bench.work.perform` in a process of its own. That may be stopped and started
        again, since a job continues from its directory. On KeyboardInterrupt the launcher lets its jobs write their
        checkpoints before it raises.

        jobs: plain data, fit to be sent to another machine. alone: run nothing else beside a job: speeds are measured.
        """
