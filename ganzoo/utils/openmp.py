"""Set how OpenMP's threads use the processors, before torch is imported and reads the settings.

Two things cost a CPU run most of its speed. Threads that have finished their part of an operator spin until the others
have finished too; if another process keeps a processor busy, they spin for a thread that is not running. In a container
with a CPU quota, one thread for each processor of the machine uses up the quota early in each period, and then all
threads wait for the next period. Values that the user has set stay as they are.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

SPINS = "1000"  # iterations of the waiting loop; benchmarks/speed/README.md has the measurements
CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
THREADS = "OMP_NUM_THREADS"

_chosen: str | None = None  # the number of threads that this module has set


def prepare() -> None:
    """Apply :func:`settings` to the environment. This process is unaffected if torch is already imported."""
    global _chosen
    chosen = settings()
    _chosen = chosen.get(THREADS, _chosen)
    os.environ.update(chosen)


def settings() -> dict[str, str]:
    """Return the variables to add to the environment of a process that will import torch; those a user has set are
    left out.

    They are GOMP_SPINCOUNT, and OMP_NUM_THREADS if a quota allows fewer processors than there are.
    """
    chosen = {}
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        chosen["GOMP_SPINCOUNT"] = SPINS
    if THREADS not in os.environ and processors() < _visible():
        chosen[THREADS] = str(processors())
    return chosen


def is_set_by_user() -> bool:
    """Return whether the user has set OMP_NUM_THREADS."""
    return os.environ.get(THREADS) != _chosen


def share(processes: int) -> None:
    """Set OMP_NUM_THREADS for each of several processes that share this machine, unless a user has set it."""
    global _chosen
    if not is_set_by_user():
        os.environ[THREADS] = _chosen = str(max(1, processors() // processes))


def processors() -> int:
    """Return how many processors this process may use: the lower of its CPU affinity and its quota, at least 1."""
    return max(1, int(min(_visible(), _quota())))


def _visible() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota() -> float:
    """Return how many processors this process's control groups (version 1 or 2) allow; infinity without a quota."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:  # not Linux
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = CGROUPS if not controllers else CGROUPS / "cpu"
        group = top / path.lstrip("/")
        # A container may see its own group at the top, under a different path from the one outside.
        for directory in {top, group, *(parent for parent in group.parents if parent.is_relative_to(top))}:
            quotas.append(_quota_of(directory))
    return min(quotas)


def _quota_of(directory: Path) -> float:
    try:
        if (directory / "cpu.max").is_file():
            quota, period = (directory / "cpu.max").read_text().split()
        else:
            quota, period = ((directory / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        allowed = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no quota here, or "max"
        return math.inf
    return allowed if allowed > 0 else math.inf
