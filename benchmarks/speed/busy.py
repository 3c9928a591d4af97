"""Measure the speed while other processes are busy, for several values of GOMP_SPINCOUNT.

    python benchmarks/speed/busy.py [--spins none 0 1000 20000] [--loads 0 1 2] [--repeats 5]

The OpenMP threads of a step wait for each other at the end of every operator. They first spin, then sleep;
GOMP_SPINCOUNT sets how long they spin. If a busy process takes a core away, this waiting becomes lost time. Each
setting has its own process for training and its own process for scoring. All of them are measured in turn, while the
same number of other processes compute without a pause.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from evaluation import side as scoring_side
from pairs import Side, machine, save, slug
from training import Work, our_side

UNSET = "none"


@contextmanager
def environment(spins: str) -> Iterator[None]:
    """Set the spin count for processes started in the block. libgomp reads it when it is loaded."""
    before = os.environ.pop("GOMP_SPINCOUNT", None)
    if spins != UNSET:
        os.environ["GOMP_SPINCOUNT"] = spins
    try:
        yield
    finally:
        os.environ.pop("GOMP_SPINCOUNT", None)
        if before is not None:
            os.environ["GOMP_SPINCOUNT"] = before


@contextmanager
def load(count: int) -> Iterator[None]:
    """Run ``count`` processes that compute without a pause, for the time of a block."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def table(
    sides: dict[tuple[str, str], Side], loads: list[int], repeats: int, seconds: float
) -> dict[tuple[str, str, int], list[float]]:
    """Return the speeds by work, spin count and load, measured in turn."""
    speeds: dict[tuple[str, str, int], list[float]] = {}
    for _ in range(repeats):
        for count in loads:
            with load(count):
                for (name, spins), side in sides.items():
                    speeds.setdefault((name, spins, count), []).append(side(seconds))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spins", nargs="+", default=[UNSET, "0", "1000", "5000", "20000"])
    parser.add_argument("--loads", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--recipe", default="dcgan+non-saturating")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    device = torch.device("cpu")
    work = Work(given.recipe, "fashion-10k", ("loop.device=cpu",))
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        builders: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
            "training": (our_side, (work, Path(scratch))),
            "scoring": (scoring_side, ("exact", False, "cpu", "fashion-10k")),
        }
        sides: dict[tuple[str, str], Side] = {}
        for name, (build, arguments) in builders.items():
            for spins in given.spins:
                own = (*arguments[:-1], Path(scratch) / spins) if build is our_side else arguments
                with environment(spins):
                    sides[name, spins] = Side(build, *own)
                stack.callback(sides[name, spins].close)
                sides[name, spins].ready()  # building must not disturb what is measured
        speeds = table(sides, given.loads, given.repeats, given.seconds)
    rows, figures = [], []
    for name in builders:
        for spins in given.spins:
            cells = []
            for count in given.loads:
                mine, default = speeds[name, spins, count], speeds[name, given.spins[0], count]
                ratio = statistics.median(a / b for a, b in zip(mine, default, strict=True))
                cells.append(f"{statistics.median(mine):.1f} ({ratio:.2f})")
                figures.append({"work": name, "spins": spins, "load": count, "speeds": mine, "ratio": ratio})
            rows.append([name, spins, *cells])
    columns = ["work", "GOMP_SPINCOUNT", *(f"beside {count}" for count in given.loads)]
    title = (
        f"Images per second (median ratio to GOMP_SPINCOUNT={given.spins[0]}) beside other busy processes, "
        f"{machine(device)['device']}, `{given.recipe}` at batch 64 and exact scoring"
    )
    save(f"busy-{slug(device)}", title, columns, rows, {**vars(given), "machine": machine(device), "rows": figures})


if __name__ == "__main__":
    main()
