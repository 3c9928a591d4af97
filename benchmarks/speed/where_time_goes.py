"""Measure the time of each part of a training step on a CPU, by threads, precision and memory layout.

    python benchmarks/speed/where_time_goes.py [--rounds 9] [--seconds 1] [RECIPE]

The steps are those of `ganzoo run`, with a stopwatch around their parts. Each variant has its own networks. In each
round all variants are measured in turn, in a different order, with the same number of iterations. A part's time is the
median of the rounds; a variant's ratio is the median of its ratios to the first variant in each round. The page begins
with the facts about the machine: the features of its processors, and the speed of matrix products and copies for each
number of threads.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.utils import openmp

if __name__ == "__main__":
    openmp.prepare()  # before torch is imported and reads the settings, as `ganzoo` does

import torch
from pairs import machine, save, slug, speed
from training import WARM_UP, Work, our_loop

from ganzoo.distributed.device import has_bf16, threads
from ganzoo.training.loop import Loop
from ganzoo.training.step import Batch

CPU = torch.device("cpu")
LAYOUTS = ("channels_last", "contiguous")
REST = "rest"
PARTS = (
    "data", "generator forward", "discriminator forward", "discriminator backward", "discriminator optimizer",
    "discriminator forward, generator's step", "discriminator backward, generator's step", "generator backward",
    "generator optimizer", "EMA", "statistics", REST,
)  # fmt: skip
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "hypervisor")


class Stopwatch:
    """A stopwatch that adds up the seconds of named parts. The time of a nested part counts only for the inner part."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock, self._running, self._since = clock, list[str](), 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the seconds of the block to this part."""
        self._turn()
        self._running.append(name)
        try:
            yield
        finally:
            self._turn()
            self._running.pop()

    def becomes(self, name: str) -> None:
        """Add the rest of the current part's time to another part."""
        self._turn()
        self._running[-1] = name

    def around(self, owner: Any, method: str, name: Callable[..., str]) -> None:
        """Replace a method so that each call counts for a part. name: returns the part, given the call's arguments."""
        whole = getattr(owner, method)

        def counted(*arguments: Any, **keywords: Any) -> Any:
            with self.part(name(*arguments)):
                return whole(*arguments, **keywords)

        setattr(owner, method, counted)

    def _turn(self) -> None:
        now = self._clock()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


@dataclass
class Variant:
    """One way to compute the same steps, and its measurements.

    rounds: for each round, the milliseconds per step by part.
    """

    threads: int
    precision: str
    layout: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The title of the variant's column."""
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}, {self.precision}, {self.layout}"

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings of the variant's run."""
        return (f"loop.threads={self.threads}", f"loop.precision={self.precision}", f"loop.layout={self.layout}")

    def median(self, part: str) -> float:
        """Return the milliseconds per step of a part, the median of all rounds."""
        return statistics.median(one.get(part, 0.0) for one in self.rounds)

    def totals(self) -> list[float]:
        """Return the milliseconds of a whole step in each round."""
        return [sum(one.values()) for one in self.rounds]


def instrument(loop: Loop) -> Stopwatch:
    """Put a stopwatch around the parts of a loop's iterations. Return the stopwatch."""
    watch, step = Stopwatch(), loop.step
    for method in ("seek", "read"):
        watch.around(loop.feed, method, lambda *_: "data")
    watch.around(step, "_fakes", lambda *_: "generator forward")
    watch.around(step, "discriminator_loss", lambda *_: "discriminator forward")
    watch.around(step, "generator_loss", lambda *_: "discriminator forward, generator's step")
    sides = {"discriminator": "discriminator backward", "generator": "discriminator backward, generator's step"}
    watch.around(step, "_backward", lambda total, side: sides[side])
    watch.around(step, "_apply", lambda optimizer, side: f"{side} optimizer")
    watch.around(loop.state.ema, "update", lambda *_: "EMA")
    for method in ("add", "add_logits"):
        watch.around(loop.statistics, method, lambda *_: "statistics")
    watch.around(loop, "iteration", lambda *_: REST)
    teach = step._teach_generator

    def divided(batches: Any, penalties: Any) -> None:
        """Switch to the generator's backward pass when the gradient reaches the generated images."""

        def told() -> Iterator[Batch]:
            for batch in batches:
                batch.fake.register_hook(lambda _: watch.becomes("generator backward"))
                yield batch

        teach(told(), penalties)

    step._teach_generator = divided  # type: ignore[method-assign]
    return watch


def measure(variants: list[Variant], work: Work, rounds: int, seconds: float, scratch: Path) -> None:
    """Measure the variants in turn and append to their rounds.

    All variants take the same number of iterations per round, as many as the first variant takes in ``seconds``.
    """
    loops, watches = list[Loop](), list[Stopwatch]()
    for number, variant in enumerate(variants):
        loop = our_loop(Work(work.recipe, work.data, (*work.settings, *variant.settings)), scratch / str(number))
        with threads(variant.threads):
            for _ in range(WARM_UP):
                loop.iteration()
            begun = time.perf_counter()
            loop.iteration()
            if not loops:
                iterations = max(1, math.ceil(seconds / max(time.perf_counter() - begun, 1e-6)))
        loops.append(loop)
        watches.append(instrument(loop))
    order = list(range(len(variants)))
    for turn in range(rounds):
        shift = turn % len(order)
        for number in order[shift:] + order[:shift]:
            with threads(variants[number].threads):
                loops[number].iteration()  # starts the threads, and loads the weights into the caches
                watches[number].seconds.clear()
                for _ in range(iterations):
                    loops[number].iteration()
            spent = watches[number].seconds
            variants[number].rounds.append({part: 1000 * spent[part] / iterations for part in PARTS})


def table(variants: list[Variant], batch: int) -> list[list[str]]:
    """Return the rows: one for each part, then the whole step, the images per second and the speed-up over the first
    variant."""
    rows = [[part, *(f"{variant.median(part):.2f}" for variant in variants)] for part in PARTS]
    totals = [variant.totals() for variant in variants]
    medians = [statistics.median(total) for total in totals]
    rows.append(["whole step", *(f"{median:.2f}" for median in medians)])
    rows.append(["images per second", *(f"{1000 * batch / median:.0f}" for median in medians)])
    ratios = [statistics.median(a / b for a, b in zip(totals[0], total, strict=True)) for total in totals]
    rows.append(["times as fast as the first", *(f"{ratio:.2f}" for ratio in ratios)])
    return rows


def processor() -> dict[str, Any]:
    """Return what the system reports about its processors. Facts that it does not report are missing or empty."""
    found: dict[str, Any] = {"processors": openmp.processors(), "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "")}
    info = _text(Path("/proc/cpuinfo"))
    fields = dict(re.findall(r"^([\w ]+?)\s*: *(.*)$", info, re.M))
    flags = set(fields.get("flags", "").split())
    found |= {"flags": [flag for flag in FLAGS if flag in flags], "MHz": fields.get("cpu MHz", "")}
    cpu = Path("/sys/devices/system/cpu/cpu0")
    found["threads of its core"] = _text(cpu / "topology/thread_siblings_list")
    for cache in sorted((cpu / "cache").glob("index*")):
        level, kind = _text(cache / "level"), _text(cache / "type")
        found[f"L{level} {kind.lower()}"] = f"{_text(cache / 'size')}, shared by {_text(cache / 'shared_cpu_list')}"
    return found


def probes(numbers: tuple[int, ...], precisions: tuple[str, ...], seconds: float, size: int) -> dict[str, float]:
    """Return GFLOP/s of a product of two ``size`` x ``size`` matrices, and GB/s of a copy too large for the caches.

    The copy's figure counts the bytes read and the bytes written. ``numbers``: of threads.
    """
    found: dict[str, float] = {}
    source = torch.zeros(16 * size * size)
    target = torch.empty_like(source)
    for number in numbers:
        with threads(number):
            for precision in precisions:
                one = torch.randn(size, size).to(torch.bfloat16 if precision == "bf16" else torch.float32)
                one @ one  # the first product includes one-time work
                flops = speed(lambda one=one: one @ one, 2e-9 * size**3, seconds, CPU)
                found[f"GFLOP/s, {precision}, {number} threads"] = round(flops, 1)
            target.copy_(source)
            copied = speed(lambda: target.copy_(source), 2e-9 * source.nbytes, seconds, CPU)
            found[f"GB/s, {number} threads"] = round(copied, 1)
    return found


def stolen(stat: Path = Path("/proc/stat")) -> tuple[int, int]:
    """Return the ticks that the hypervisor gave to others, and all ticks, of all processors since the system's start.

    Both are 0 if the system does not report them.
    """
    ticks = [int(tick) for tick in _text(stat).partition("\n")[0].split()[1:9]]
    return (ticks[7], sum(ticks)) if len(ticks) == 8 else (0, 0)


def share_stolen(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return the share of the ticks between two calls of :func:`stolen` that were given to others."""
    return (after[0] - before[0]) / max(1, after[1] - before[1])


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def main(arguments: list[str] | None = None) -> None:
    """Measure the variants, print the table and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="dcgan+non-saturating")
    parser.add_argument("--data", default="fashion-10k")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a variant in each round")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, openmp.processors()}))
    parser.add_argument("--precisions", nargs="+", help="default: float32, and bf16 if the CPU has instructions for it")
    parser.add_argument("--matrix", type=int, default=2048, help="height and width of the probe's matrices")
    parser.add_argument("--set", dest="settings", nargs="*", default=[], help="further settings of the run")
    given = parser.parse_args(arguments)
    precisions = tuple(given.precisions or (["float32", "bf16"] if has_bf16(CPU) else ["float32"]))
    settings = ("loop.device=cpu", f"loop.batch={given.batch}", f"data.size={given.size}", *given.settings)
    variants = [Variant(*chosen) for chosen in itertools.product(given.threads, precisions, LAYOUTS)]
    facts = processor() | probes(tuple(given.threads), precisions, given.seconds, given.matrix)
    before = stolen()
    with tempfile.TemporaryDirectory() as scratch:
        measure(variants, Work(given.recipe, given.data, settings), given.rounds, given.seconds, Path(scratch))
    facts["share of the time stolen meanwhile"] = round(share_stolen(before, stolen()), 4)
    columns = ("ms a step", *(variant.name for variant in variants))
    about = "; ".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in facts.items()
    )
    title = f"`{given.recipe}`, {given.size}x{given.size}, batch {given.batch}, {machine(CPU)['device']}\n\n{about}"
    figures = {
        "machine": machine(CPU) | facts,
        "recipe": given.recipe,
        "settings": settings,
        "variants": [{"name": one.name, "settings": one.settings, "rounds": one.rounds} for one in variants],
    }
    save(f"where-time-goes-{slug(CPU)}", title, columns, table(variants, given.batch), figures)


if __name__ == "__main__":
    main()
