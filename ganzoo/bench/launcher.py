"""Where jobs run. A launcher is a plugin: this machine, a Ray cluster, whatever a stranger publishes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from ganzoo.bench.job import Job


class Launcher(ABC):
    """Constructed as ``cls(params)`` with the entry's parameter dataclass."""

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def run(self, jobs: Sequence[Job], *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        """Do every job and yield each with "" when its result lies in its directory, else with the reason it does not.

        A job is done by :func:`ganzoo.bench.work.perform` in a process of its own, which may be stopped and begun
        again: it goes on from what it finds in its directory. ``alone``: nothing else runs beside a job, since speeds
        are measured. On KeyboardInterrupt the launcher lets its jobs write their checkpoints before it raises.
        """
