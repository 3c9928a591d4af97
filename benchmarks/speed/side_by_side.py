"""Measure the total images per second of several simultaneous runs on one device.

    python benchmarks/speed/side_by_side.py [--device cuda] [--counts 1 2 4 8] [RECIPE...]

Each run has its own process, as the rows of a grid have; all of them train at the same time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pairs import Side, machine, save, slug
from training import Work, our_side

from ganzoo.distributed.device import pick_device

RECIPES = ["dcgan+wgan-gp", "stylegan-lite+non-saturating+r1"]


def together(work: Work, count: int, repeats: int, seconds: float, scratch: Path) -> float:
    """Return the total images per second of ``count`` simultaneous runs, the median of several measurements."""
    with ExitStack() as stack:
        sides = [Side(our_side, work, scratch / f"{count}-{index}") for index in range(count)]
        for side in sides:
            stack.callback(side.close)
        for side in sides:
            side.ready()
        totals = []
        for _ in range(repeats):
            for side in sides:
                side.begin(seconds)
            totals.append(sum(side.end() for side in sides))
    return statistics.median(totals)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="fashion-10k")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    settings = (f"loop.device={given.device}", f"loop.batch={given.batch}", f"data.size={given.size}")
    rows, figures = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in given.recipes:
            work = Work(recipe, given.data, settings)
            totals = [
                together(work, count, given.repeats, given.seconds, Path(scratch) / recipe) for count in given.counts
            ]
            rows.append([f"`{recipe}`", *(f"{total:.0f} ({total / totals[0]:.2f}x)" for total in totals)])
            figures.append({"recipe": recipe, "totals": dict(zip(given.counts, totals, strict=True))})
            print(*rows[-1], flush=True)
    device = pick_device(given.device)
    title = (
        f"Images per second of all runs together, {machine(device)['device']}, "
        f"{given.size}x{given.size}, batch {given.batch}"
    )
    columns = ["combination", *(f"{count} at once" for count in given.counts)]
    save(
        f"side-by-side-{slug(device)}",
        title,
        columns,
        rows,
        {**vars(given), "machine": machine(device), "rows": figures},
    )


if __name__ == "__main__":
    main()
