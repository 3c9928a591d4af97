"""Compare the FID of two directories of images by other tools and by ganzoo: images per second, seconds and value.

    python benchmarks/speed/peer_scoring.py A B --python PYTHON [--repeats 3] [--batch 50] [--tools TOOL...]

PYTHON is the interpreter of a virtual environment that has the other tools, by default the one that runs this script:

    pip install torch torchvision torch-fidelity 'torchmetrics[image]' pytorch-fid clean-fid

A tool that is not installed or fails is left out. All tools use the network that ganzoo finds, or the one of
--inception FILE. clean-fid uses the TorchScript file of `ganzoo[offline]` or of --torchscript FILE; without
either it downloads its own. Each tool runs in its own process, one after the other in each round.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairs import machine, paired, save, slug

from ganzoo.distributed.device import pick_device
from ganzoo.utils.files import data_root
from ganzoo_fidelity.network import PACKAGE, PACKAGE_FILE, find_network

SCRIPT = Path(__file__).with_name("peer_scores.py")


@dataclass(frozen=True)
class Tool:
    """A row of the table.

    title: the tool's name in the table. against: ganzoo's row that it is compared with. same: whether both compute the
    same FID. computes: how the images are resized.
    """

    name: str
    title: str
    against: str
    same: bool
    computes: str


TF1, PYTORCH = "resized as TensorFlow 1.x did", "resized by PyTorch, bilinear"
TOOLS = (
    Tool("ganzoo-fid", "`ganzoo fid`", "ganzoo-fid", True, TF1),
    Tool("torch-fidelity", "torch-fidelity", "ganzoo-fid", True, TF1),
    Tool("torchmetrics-plain", "torchmetrics, `antialias=False`", "ganzoo-fid", True, TF1),
    Tool("torchmetrics", "torchmetrics", "ganzoo-fid", False, "resized by PyTorch, antialiased"),
    Tool("clean-fid", "clean-fid", "ganzoo-fid", False, "resized by Pillow, bicubic"),
    Tool("ganzoo-fid-pytorch", "`ganzoo score --metrics fid-pytorch`", "ganzoo-fid-pytorch", True, PYTORCH),
    Tool("pytorch-fid", "pytorch-fid", "ganzoo-fid-pytorch", True, PYTORCH),
)
COLUMNS = ("tool", "version", "images/s", "ganzoo's, ratio (rounds)", "seconds in all", "of the distance", "FID",
           "ganzoo's minus this", "images are")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    parser.add_argument("--python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--tools", nargs="+", choices=[tool.name for tool in TOOLS])
    parser.add_argument("--inception", metavar="FILE", help="the network, as for metrics.inception")
    parser.add_argument("--torchscript", metavar="FILE", default=offline_file(), help="the network for clean-fid")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu"])
    parser.add_argument("--batch", type=int, default=50, help="of the other tools; ganzoo chooses its own")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images, of the other tools")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    counts = []
    for directory in (given.a, given.b):
        if not directory.is_dir():
            parser.error(f"{directory} is not a directory of images")
        counts.append(sum(1 for _ in directory.iterdir()))
    given.network = find_network(given.inception, data_root(None)).path
    chosen = [tool for tool in TOOLS if given.tools is None or tool.name in given.tools]
    found: dict[str, list[dict[str, Any]]] = {tool.name: [] for tool in chosen}
    for turn in range(given.repeats):
        for name in list(found) if turn % 2 == 0 else reversed(list(found)):
            figures = run(name, given)
            if figures is None:
                del found[name]
            else:
                found[name].append(figures)
    write_table(given, counts, found)


def run(name: str, given: argparse.Namespace) -> dict[str, Any] | None:
    """Run one tool once and return its figures. If it fails, print one line that says why and return None."""
    python = sys.executable if name.startswith("ganzoo") else given.python
    command = [python, str(SCRIPT), name, str(given.a), str(given.b), "--network", str(given.network)]
    command += ["--batch", str(given.batch), "--workers", str(given.workers)]
    if given.torchscript:
        command += ["--torchscript", given.torchscript]
    with tempfile.TemporaryDirectory() as root:  # a new one, so that ganzoo finds no cached statistics
        environment = {**os.environ, "GANZOO_DATA": root, "GANZOO_INCEPTION": str(given.network)}
        if given.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        print(f"{name} is left out: {last}", file=sys.stderr)
        return None
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{name}: FID {figures['value']:.4f} in {figures['seconds']:.1f} s", flush=True)
    return figures


def write_table(given: argparse.Namespace, counts: list[int], found: dict[str, list[dict[str, Any]]]) -> None:
    """Write the table, one row for each tool. The speeds do not include the time of the distance."""
    speeds = {
        name: [sum(counts) / (each["seconds"] - each["distance"]) for each in figures]
        for name, figures in found.items()
    }
    rows = []
    for tool in TOOLS:
        if tool.name not in found:
            continue
        runs, ratio, difference = found[tool.name], "", ""
        value = runs[-1]["value"]
        if tool.against in found and tool.name != tool.against:
            one = paired(speeds[tool.name], speeds[tool.against])
            ratio = f"{one.ratio:.2f} ({one.lowest:.2f} to {one.highest:.2f})"
            if tool.same:
                difference = f"{found[tool.against][-1]['value'] - value:+.5f}"
        middle = {part: statistics.median(each[part] for each in runs) for part in ("seconds", "distance")}
        rows.append([
            tool.title, runs[-1]["version"], f"{statistics.median(speeds[tool.name]):.1f}", ratio,
            f"{middle['seconds']:.1f}", f"{middle['distance']:.1f}", f"{value:.4f}", difference, tool.computes,
        ])  # fmt: skip
    device = pick_device(given.device)
    where = machine(device)
    title = (
        f"FID of {counts[0]} images against {counts[1]}, {where['device']}, {where['threads']} threads, torch "
        f"{where['torch']}, median of {given.repeats} rounds; images/s without the distance"
    )
    kept = {name: getattr(given, name) for name in ("device", "batch", "workers", "repeats")}
    save(f"peer-scoring-{slug(device)}", title, COLUMNS, rows, {**kept, "machine": where, "rows": found})


def offline_file() -> str | None:
    """Return the TorchScript file of ``ganzoo[offline]``; None if it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)  # found but not imported, because the import needs OpenCV
    places = [Path(place) / PACKAGE_FILE for place in (spec and spec.submodule_search_locations) or ()]
    return next((str(place) for place in places if place.is_file()), None)


if __name__ == "__main__":
    main()
