"""Measure how Inception's speed depends on memory layout, cuDNN's search for the fastest kernel, and the batch size.

    python benchmarks/speed/inception.py [--device cuda] [--batches 250 500 100 50] [--modes exact fast]

The images are grey, 28x28. The table is written after each line, so that a time limit does not lose the results. Each
value of cudnn.benchmark has a process of its own, because cuDNN uses the kernel that it chose first for a shape.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import product
from multiprocessing import get_context
from typing import Any

import torch
from pairs import machine, save, slug, speed, write

from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.utils.files import data_root
from ganzoo_fidelity.extractor import InceptionExtractor
from ganzoo_fidelity.inception import Inception
from ganzoo_fidelity.network import find_network

WARM_UP = 2  # calls; with cudnn.benchmark the first call searches for kernels
LAYOUTS = {"channels last": torch.channels_last, "NCHW": torch.contiguous_format}
COLUMNS = ("mode", "batch", "layout", "cudnn.benchmark", "images/s", "first call, s", "memory, MiB")


@cache
def extractor_of(device: torch.device, mode: str) -> InceptionExtractor:
    """Return this process's extractor."""
    prepare_process()
    return InceptionExtractor(find_network(None, data_root(None)), mode, device, ("2048",))


def prepare(device: torch.device, modes: Sequence[str]) -> None:
    """Load the network for each mode."""
    for mode in modes:
        extractor_of(device, mode)


def measure(device: torch.device, mode: str, layout: str, search: bool, batch: int, seconds: float) -> dict[str, Any]:
    """Return the images per second of one choice, the seconds of its first call, and its peak memory in MiB."""
    extractor = extractor_of(device, mode)
    network = extractor.model
    assert isinstance(network, Inception)
    network.set_layout(LAYOUTS[layout])
    torch.backends.cudnn.benchmark = search
    images = torch.randint(0, 256, (batch, 1, 28, 28), dtype=torch.uint8)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    first = batch / speed(lambda: extractor(images), batch, 1e-9, device)  # one call
    for _ in range(WARM_UP - 1):
        extractor(images)
    found = speed(lambda: extractor(images), batch, seconds, device)
    memory = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0
    return {
        "mode": mode, "batch": batch, "layout": layout, "benchmark": search, "pictures_per_second": found,
        "first_call": first, "memory": memory,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batches", type=int, nargs="+", default=[250, 500, 100, 50], help="the most telling first")
    parser.add_argument("--modes", nargs="+", default=["exact", "fast"], choices=["exact", "fast"])
    parser.add_argument("--seconds", type=float, default=0.4, help="of each line")
    given = parser.parse_args()
    device = pick_device(given.device)
    where = machine(device)
    name, title = f"inception-{slug(device)}", f"Images per second through Inception, {where['device']}"
    rows, figures = list[list[str]](), list[dict[str, Any]]()
    content = {**vars(given), "machine": where, "rows": figures}
    with ExitStack() as stack:
        processes = [stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in (False, True)]
        for process in processes:
            process.submit(prepare, device, given.modes)  # both at the same time
        for batch, mode, layout, search in product(given.batches, given.modes, LAYOUTS, (False, True)):
            found = processes[search].submit(measure, device, mode, layout, search, batch, given.seconds).result()
            figures.append(found)
            speeds = [f"{found['pictures_per_second']:.1f}", f"{found['first_call']:.2f}", f"{found['memory']:.0f}"]
            rows.append([mode, str(batch), layout, "on" if search else "off", *speeds])
            print(*rows[-1], flush=True)
            write(name, title, COLUMNS, rows, content)
    save(name, title, COLUMNS, rows, content)


if __name__ == "__main__":
    main()
