"""Check that memory and open files do not grow, over many short runs in one process and over one long run.

    python benchmarks/trust/soak.py [--runs 2000] [--intervals 20000] [--save]

Prints both curves. Exits with 1 if memory grows by more than the limit over the second half of a curve, or if the
number of open files grows at all.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from scene import IMAGES, RECIPE, Scene, make_images, stand_in

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.plugin.registry import Registry
from ganzoo.training import run
from ganzoo.training.callbacks import Callback, Hooks

RESULTS = Path(__file__).parent / "results"
POINTS = 60  # points of a curve
GROWTH_MIB = 8.0  # allowed growth of resident memory over the second half; the allocator's fragmentation is smaller
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Point:
    """The resident memory and the open files of this process after ``done`` runs or log intervals."""

    done: int
    memory_mib: float
    files: int


def measure(done: int) -> Point:
    """Collect garbage and return the point of this moment."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Point(done, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list(Path("/proc/self/fd").iterdir())))


def many_runs(place: Path, registry: Registry, runs: int, say: Callable[[Point], None]) -> list[Point]:
    """Train ``runs`` runs one after the other, each scored and resumed once. Return the curve."""
    scene, curve, every = Scene(place / "scene", registry), list[Point](), max(1, runs // POINTS)
    quiet = Display(Console(quiet=True))
    short = ["loop.kimg=0.032", "loop.log_kimg=0.016", "loop.snapshot_kimg=0.016", "metrics.times=1"]
    for number in range(1, runs + 1):
        config = resolve(registry, RECIPE, None, [*scene.settings, *short, f"seed={number}"])
        run.start(config, quiet, Hooks(registry), out=scene.run)
        run.resume(config, scene.run, quiet, Hooks(registry))
        shutil.rmtree(scene.run)
        if number % every == 0 or number == runs:
            curve.append(measure(number))
            say(curve[-1])
    return curve


def one_long_run(place: Path, registry: Registry, intervals: int, say: Callable[[Point], None]) -> list[Point]:
    """Train one run of ``intervals`` log intervals, with a checkpoint and a score every 100. Return the curve."""
    scene, curve, every = Scene(place / "long", registry), list[Point](), max(1, intervals // POINTS)
    batch = 8  # as in the settings
    settings = [
        *scene.settings, f"loop.kimg={intervals * batch / 1000}", f"loop.log_kimg={batch / 1000}",
        f"loop.snapshot_kimg={100 * batch / 1000}", f"metrics.times={max(1, intervals // 100)}",
    ]  # fmt: skip

    class Watching(Callback):
        done = 0

        def interval_logged(self, run: Path, record: Mapping[str, object]) -> None:
            self.done += 1
            if self.done % every == 0:
                curve.append(measure(self.done))
                say(curve[-1])

    run.start(resolve(registry, RECIPE, None, settings), Watching(), Hooks(registry), out=scene.run)
    return curve


def growth(curve: Sequence[Point]) -> tuple[float, int]:
    """Return the growth in MiB and in open files over the second half of a curve.

    It compares the last quarter of that half with its first: the median of the memory, the maximum of the files.
    """
    half = curve[len(curve) // 2 :]
    quarter = max(1, len(half) // 4)
    ends = half[:quarter], half[-quarter:]
    memory = [median(point.memory_mib for point in end) for end in ends]
    return memory[1] - memory[0], max(p.files for p in ends[1]) - max(p.files for p in ends[0])


def drawn(values: Sequence[float]) -> str:
    """Return a curve as one line of text, with bars from 0 to the highest value."""
    top = max(values) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in values)


def described(title: str, curve: Sequence[Point]) -> str:
    """Return a curve as a section of Markdown."""
    memory, files = [point.memory_mib for point in curve], [float(point.files) for point in curve]
    grown, opened = growth(curve)
    return (
        f"## {title}\n\n```\nMiB    {min(memory):7.1f} to {max(memory):7.1f}  {drawn(memory)}\n"
        f"files  {min(files):7.0f} to {max(files):7.0f}  {drawn(files)}\n```\n\n"
        f"Over the second half: {grown:+.1f} MiB, {opened:+d} open files.\n"
    )


def save(curve: Sequence[Point], file: Path) -> None:
    """Write a curve as CSV."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["done", "memory_mib", "files"])
        writer.writerows([point.done, f"{point.memory_mib:.1f}", point.files] for point in curve)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--intervals", type=int, default=20000)
    parser.add_argument("--quick", action="store_true", help="5 runs, 150 intervals")
    parser.add_argument("--save", action="store_true", help="keep the curves under results/")
    options = parser.parse_args()
    runs, intervals = (5, 150) if options.quick else (options.runs, options.intervals)
    stand_in()
    registry, grows = Registry.load(strict=True), False
    RESULTS.mkdir(exist_ok=True)
    texts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ganzoo-soak-") as scratch:
        place = Path(scratch)
        make_images(place / "images")
        for name, title, soak, count in (
            ("runs", f"{runs} runs of {RECIPE} on {IMAGES} images in one process", many_runs, runs),
            ("intervals", f"One run of {intervals} log intervals", one_long_run, intervals),
        ):
            curve = soak(place, registry, count, lambda point: print(point, file=sys.stderr, flush=True))
            grown, opened = growth(curve)
            grows |= grown > GROWTH_MIB or opened > 0
            texts.append(described(title, curve))
            if options.save:
                save(curve, RESULTS / f"soak-{name}.csv")
    print("\n".join(texts))
    if options.save:
        (RESULTS / "soak.md").write_text("\n".join(texts))
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
