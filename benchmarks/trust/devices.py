"""Compare training on two processes with half the batch each with training on one process, on the CPU.

    python benchmarks/trust/devices.py [--quick] [--save]

Prints a table. ``--save`` saves it as ``results/devices.md`` and ``devices.json``; ``--quick`` trains half as long.
Exits with 1 if a run differs by more than float32 rounding explains.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from ganzoo.testing.devices import COMPARABLE, Difference, Job, compare, rewind, train, train_on

ARCHITECTURES, LOSSES = ("mlp", "dcgan", "stylegan-lite"), ("minimax", "non-saturating", "wgan-gp")
COMBINATIONS = [f"{architecture}+{loss}" for architecture in ARCHITECTURES for loss in LOSSES]
MORE = ["stylegan-lite+non-saturating+r1+ada", "dcgan+hinge+diffaug", "sngan+relativistic+dragan"]
RESUMED = "dcgan+non-saturating"
BATCH, KIMG = 16, 0.064
RESULTS = Path(__file__).parent / "results"
TOLERANCE = 1e-4


def jobs(directory: Path, kimg: float) -> list[Job]:
    """Return one job for each combination."""
    quarters = [f"loop.{key}_kimg={kimg / 4}" for key in ("log", "snapshot")]
    settings = [*COMPARABLE, f"loop.batch={BATCH}", f"loop.kimg={kimg}", *quarters]
    return [Job(recipe, settings, str(directory / recipe)) for recipe in (*COMBINATIONS, *MORE)]


def measure(directory: Path, kimg: float) -> dict[str, Difference]:
    """Train every combination on one process and on two, and one that changes between them. Return the differences."""
    one, two = jobs(directory / "one", kimg), jobs(directory / "two", kimg)
    (directory / "one").mkdir()
    (directory / "two").mkdir()
    train(one)
    moving = directory / "moving"
    shutil.copytree(directory / "one" / RESUMED, moving)
    rewind(moving, 2)
    train_on(2, [*two, Job(RESUMED, (), str(moving))], directory / "two.json")
    rewind(moving, 4)
    train([Job(RESUMED, (), str(moving))])
    found = {job.recipe: compare(directory / "one" / job.recipe, directory / "two" / job.recipe) for job in one}
    return {**found, f"{RESUMED}, resumed on 2, then on 1": compare(directory / "one" / RESUMED, moving)}


def table(found: dict[str, Difference], kimg: float) -> str:
    lines = [
        f"Two processes of {BATCH // 2} images against one of {BATCH}, {kimg:g} kimg in float32 on the CPU, "
        "stochastic gradient descent with momentum. `weights` is the largest difference of any weight, divided by the "
        "largest weight of its tensor, or by 0.001 if that is larger. `logged` is the largest relative difference of "
        "any logged loss, penalty, accuracy or norm. `moved` is how far training moved the weights, measured as "
        "`weights` is.",
        "",
        "| run | weights | logged | moved |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {row.weights:.1e} | {row.logged:.1e} | {row.moved:.2g} |" for name, row in found.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    kimg = KIMG / 2 if options.quick else KIMG
    with tempfile.TemporaryDirectory() as directory:
        found = measure(Path(directory), kimg)
    text = table(found, kimg)
    if options.save:
        (RESULTS / "devices.md").write_text(text)
        rows = {name: asdict(row) for name, row in found.items()}
        (RESULTS / "devices.json").write_text(json.dumps({"kimg": kimg, "runs": rows}, indent=1) + "\n")
    print(text)
    return int(any(max(row.weights, row.logged) > TOLERANCE for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
