"""Timing on a noisy machine: the two sides alternate, and the ratio is the median of the pairs' ratios."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from ganzoo.runs.provenance import describe_device

RESULTS = Path(os.environ.get("GANZOO_SPEED_RESULTS") or Path(__file__).parent / "results")


@dataclass(frozen=True)
class Pair:
    """The comparison of two sides: their median speeds, and the median, lowest and highest ratio of the pairs."""

    theirs: float
    ours: float
    ratio: float
    lowest: float
    highest: float


def pair(theirs: Callable[[], float], ours: Callable[[], float], repeats: int) -> Pair:
    """Compare two sides, measured in turn ``repeats`` times. Each call of a side returns a speed."""
    speeds = rounds({"ours": ours, "theirs": theirs}, repeats)
    return paired(speeds["theirs"], speeds["ours"])


def paired(theirs: Sequence[float], ours: Sequence[float]) -> Pair:
    """Compare the speeds of two sides; each sequence has one speed from every round."""
    ratios = sorted(mine / other for other, mine in zip(theirs, ours, strict=True))
    return Pair(
        theirs=statistics.median(theirs),
        ours=statistics.median(ours),
        ratio=statistics.median(ratios),
        lowest=ratios[0],
        highest=ratios[-1],
    )


def rounds(sides: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Measure all sides in turn ``repeats`` times, every other time in reverse order. Return each side's speeds."""
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats):
        for name in sides if turn % 2 == 0 else reversed(list(sides)):
            speeds[name].append(sides[name]())
    return speeds


def speed(work: Callable[[], object], amount: float, seconds: float, device: torch.device) -> float:
    """Call ``work`` repeatedly for at least ``seconds``. Return its speed, if one call does ``amount`` of work.

    The clock is read after 1, 2, 4... calls, then when the time should be over. It is not read after each call: reading
    it waits for the device, so the host could not run ahead.
    """
    calls, more, spent, begun = 0, 1, 0.0, _now(device)
    while spent < seconds:
        for _ in range(more):
            work()
        calls += more
        spent = _now(device) - begun
        more = max(1, min(calls, math.ceil((seconds - spent) * calls / max(spent, 1e-9))))
    return calls * amount / spent


class Side:
    """One side of a comparison, in its own process, because allocator, threads and denormal mode belong to a process.

    The side's process calls ``build(*arguments)`` once, while this process continues. The result is a function that
    takes the seconds to measure for and returns a speed.
    """

    def __init__(self, build: Callable[..., Callable[[float], float]], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, build, *arguments))
        self._built = False
        self.process.start()
        theirs.close()

    def ready(self) -> None:
        """Wait until the side is built. Raises EOFError if that failed; its process has printed the error."""
        if not self._built:
            self.pipe.recv()
            self._built = True

    def __call__(self, seconds: float) -> float:
        """Return the side's speed, measured for ``seconds``."""
        self.begin(seconds)
        return self.end()

    def begin(self, seconds: float) -> None:
        """Start a measurement of ``seconds`` without waiting for it."""
        self.ready()
        self.pipe.send(seconds)

    def end(self) -> float:
        """Wait for the measurement that :meth:`begin` started. Return its speed."""
        return self.pipe.recv()

    def close(self) -> None:
        """End the side's process, unless it has ended already."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join()


def _serve(pipe: Any, build: Callable[..., Callable[[float], float]], *arguments: object) -> None:
    # Otherwise this process would spawn its own children too. Data loader workers use the platform's start method.
    multiprocessing.set_start_method(None, force=True)
    work = build(*arguments)
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        pipe.send(work(seconds))


def peak_flops(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Return the floating-point operations per second of a large matrix product: the most that this machine reaches."""
    size = 8192 if device.type == "cuda" else 2048
    one = torch.randn(size, size, device=device).to(dtype)
    product = lambda: one @ one  # noqa: E731
    product()
    return max(speed(product, 2.0 * size**3, 0.5, device) for _ in range(5))


def machine(device: torch.device) -> dict[str, Any]:
    """Return a description of the device, its threads and the versions that the figures were measured with."""
    return {
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def slug(device: torch.device) -> str:
    """Return the device's name for use in file names, such as ``amd-epyc`` or ``nvidia-h200``.

    With it, tables of several machines can be in one directory.
    """
    name = re.sub(r"\(\w+\)|,.*", "", describe_device(device))
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def save(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: dict[str, Any]) -> None:
    """Print a table, and write it with :func:`write`."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    write(name, title, columns, rows, figures)


def write(
    name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: dict[str, Any]
) -> None:
    """Write a table as ``NAME.md`` and its figures as ``NAME.json``, for later comparison.

    The directory is the one in GANZOO_SPEED_RESULTS, by default ``results`` next to this file.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    (RESULTS / f"{name}.md").write_text(f"{title}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
