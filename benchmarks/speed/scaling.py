"""Measure the training speed for different batch sizes, resolutions and sizes of the data set.

    python benchmarks/speed/scaling.py [--device cpu] [RECIPE...]

The loop is that of `ganzoo run`. Each measurement changes one thing: the base is 32x32, batch 64, 10,000 images.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from pairs import Side, machine, peak_flops, save, slug
from training import Work, count_flops, our_side

from ganzoo.distributed.device import pick_device

RECIPES = ["dcgan+non-saturating", "dcgan+wgan-gp", "stylegan-lite+non-saturating+r1"]
SMALL, LARGE = "fashion-10k", "fashion-mnist"
CHANGES = [
    ("-", SMALL, 64, 32),
    *((f"batch {batch}", SMALL, batch, 32) for batch in (16, 32, 128, 256)),
    *((f"{size}x{size}", SMALL, 64, size) for size in (28, 64)),
    ("60,000 images", LARGE, 64, 32),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    device = pick_device(given.device)
    peak, rows, figures = peak_flops(device), [], []
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in given.recipes:
            for change, data, batch, size in CHANGES:
                work = Work(recipe, data, (f"loop.device={given.device}", f"loop.batch={batch}", f"data.size={size}"))
                flops = count_flops(work)
                side = Side(our_side, work, Path(scratch) / f"{recipe}-{data}-{batch}-{size}")
                found = statistics.median(side(given.seconds) for _ in range(given.repeats))
                side.close()
                rows.append(
                    [f"`{recipe}`", change, f"{found:.0f}", f"{flops / 1e6:.0f}", f"{found * flops / peak:.0%}"]
                )
                figures.append({"recipe": recipe, "change": change, "speed": found, "flops_per_picture": flops})
                print(*rows[-1], flush=True)
    title = f"Images per second, {machine(device)['device']}; the peak is {peak / 1e9:.0f} GFLOP/s in float32"
    columns = ["combination", "changed", "images/s", "MFLOP an image", "share of peak"]
    save(f"scaling-{slug(device)}", title, columns, rows, {**vars(given), "machine": machine(device), "rows": figures})


if __name__ == "__main__":
    main()
