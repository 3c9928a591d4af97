"""Compare the evaluation speed with that of torch-fidelity's extractor, and measure how the shortcuts change the FID.

    python benchmarks/speed/evaluation.py [--device cpu] [--images 200] [--modes exact fast] [--repeats 5]

The same images of Fashion-MNIST pass through each extractor, in turn, each in its own process. On CUDA, exact mode is
compared with torch-fidelity's extractor in float32, and fast mode with torch-fidelity's extractor in TF32, the default
that torch-fidelity does not change. The FIDs compare the first images of the training set with the test images'
statistics; each is a complete score with its time. The difference is that to torch-fidelity's FID in float32.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import Pair, Side, machine, pair, peak_flops, save, slug, speed, write
from training import Flops

from ganzoo.config.recipe import parse_data
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_dataset
from ganzoo.distributed.device import has_bf16, pick_device, prepare_process
from ganzoo.entries import ExtractorEntry
from ganzoo.metrics.extractors import Source, find_source
from ganzoo.metrics.features import Features, Statistics
from ganzoo.metrics.reader import Reader, array_chunks, load_extractor
from ganzoo.metrics.reference import real_features
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root
from ganzoo_fidelity.frechet import frechet_distance

WARM_UP = 2
MOST_TRUE = 2000  # images at most whose FID is also computed with torch-fidelity's extractor, which is slower
COLUMNS = ("mode", "torch-fidelity", "ganzoo", "ratio (pairs)", "share of peak", "FID", "seconds", "difference")


def side(mode: str, tf32: bool, device_name: str, data: str) -> Callable[[float], float]:
    """Build the extractor of a mode. Return a function that measures its images per second.

    For ganzoo's own modes, the process is prepared as for any of ganzoo's scores.
    """
    if mode != "reference":
        prepare_process()
    registry, device, root = Registry.load(), pick_device(device_name), data_root(None)
    network = find_source(registry.get(ExtractorEntry, "inception"), None, root)
    batch = Reader(network, mode, device, ("2048",)).batch
    images = torch.from_numpy(
        open_dataset(*parse_data(data, registry), data, split="train", root=root).array[:batch].copy()
    )
    torch.backends.cudnn.allow_tf32 = tf32  # torch-fidelity's class leaves this global setting as it is
    extract = load_extractor(network, mode, device, ("2048",))
    for _ in range(WARM_UP):
        extract(images)
    return lambda seconds: speed(lambda: extract(images), batch, seconds, device)


class Scorer:
    """A scorer that computes FIDs against a data set's test images in this process."""

    def __init__(self, registry: Registry, data: str, network: Source, device: torch.device, root: Path) -> None:
        self.network, self.device = network, device
        shipped = parse_data(data, registry)[0].statistics
        test: Images = open_dataset(*parse_data(data, registry), data, split="test", root=root)
        real, _ = real_features(test, self.reader("exact"), root, whole=False, shipped=shipped)
        self.real: Statistics = real.statistics

    def reader(self, mode: str) -> Reader:
        """Return the reader of a mode."""
        return Reader(self.network, mode, self.device, ("2048",))

    def fid(self, mode: str, images: NDArray[Any]) -> tuple[float, float]:
        """Return the FID and its seconds, without the loading of the network. Reference mode computes in float32."""
        reader = self.reader(mode)
        reader.read(array_chunks(images[: reader.batch]), min(reader.batch, len(images)), "")
        begun = time.perf_counter()
        if mode == "reference":
            tf32, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
            matrix = reader.read(array_chunks(images), len(images), "")["2048"]
            torch.backends.cudnn.allow_tf32 = tf32
            fake = Features(len(images), matrix=matrix).statistics
        else:
            fake = reader.statistics(array_chunks(images), len(images), "")
        value = frechet_distance(self.real, fake, self.device)
        return value, time.perf_counter() - begun


def flops_per_image(network: Source, device: torch.device, images: NDArray[Any]) -> float:
    """Return the floating-point operations per image of torch-fidelity's network."""
    few = torch.from_numpy(np.array(images))
    reference = load_extractor(network, "reference", device, ("2048",))
    with Flops() as counter, torch.no_grad():  # inference mode would hide the convolutions from the counter
        reference.model(few.expand(-1, 3, -1, -1).to(device))
    return counter.total / len(few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--images", type=int, default=2000, help="whose FID is compared")
    parser.add_argument("--modes", nargs="+", default=["exact", "fast"], choices=["exact", "fast"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each side in each pair")
    given = parser.parse_args()
    with ExitStack() as stack:
        compare(given, stack)


def compare(given: argparse.Namespace, stack: ExitStack) -> None:
    """Measure each mode and write the table."""
    registry, device, root = Registry.load(), pick_device(given.device), data_root(None)
    # On a GPU most of the time is spent on starting processes, and a waiting process costs nothing.
    early = {mode: start(mode, given, stack) for mode in given.modes} if device.type == "cuda" else {}
    train = open_dataset(*parse_data(given.data, registry), given.data, split="train", root=root).array[: given.images]
    network = find_source(registry.get(ExtractorEntry, "inception"), None, root)
    scorer = Scorer(registry, given.data, network, device, root)
    few = train[:MOST_TRUE]
    true = scorer.fid("reference", few)[0]
    flops = flops_per_image(network, device, train[: scorer.reader("exact").batch])
    bf16 = has_bf16(device)  # without bf16 instructions a matrix product takes minutes
    peak = peak_flops(device)
    peaks = {"exact": peak, "fast": peak_flops(device, torch.bfloat16) if bf16 else peak}
    where, rows, figures = machine(device), list[list[str]](), list[dict[str, Any]]()
    name = f"evaluation-{slug(device)}"
    title = (
        f"Images per second through Inception ({flops / 1e9:.1f} GFLOP each), {where['device']}, "
        f"{scorer.reader('exact').batch} at a time; the peak is that of a large matrix product, "
        f"{peaks['exact'] / 1e9:.0f} GFLOP/s for exact and {peaks['fast'] / 1e9:.0f} for fast, in "
        f"{'bf16' if bf16 else 'float32'}; FID of {len(train)} images and its seconds, and the difference of "
        f"{len(few)} images' from torch-fidelity's in float32"
    )
    content = {**vars(given), "machine": where, "rows": figures}
    for one in chain(*early.values()):
        one.ready()
    for mode in given.modes:
        difference = scorer.fid(mode, few)[0] - true
        value, seconds = scorer.fid(mode, train)
        found = measure(early.get(mode) or start(mode, given, stack), given)
        ratio = f"{found.ratio:.2f} ({found.lowest:.2f} to {found.highest:.2f})"
        share = found.ours * flops / peaks[mode]
        shown = [f"{found.theirs:.1f}", f"{found.ours:.1f}", ratio, f"{share:.0%}", f"{value:.4f}", f"{seconds:.1f}"]
        rows.append([mode, *shown, f"{difference:+.5f}"])
        figures.append(
            {"mode": mode, **asdict(found), "share_of_peak": share, "tf32": mode == "fast", "fid": value,
             "seconds": seconds, "difference": difference}
        )  # fmt: skip
        print(*rows[-1], flush=True)
        write(name, title, COLUMNS, rows, content)  # after each mode, so that a time limit does not lose the results
    save(name, title, COLUMNS, rows, content)


def start(mode: str, given: argparse.Namespace, stack: ExitStack) -> tuple[Side, Side]:
    """Start torch-fidelity's extractor and ours without waiting for them. ``stack`` ends their processes."""
    tf32 = mode == "fast"
    theirs, ours = (Side(side, name, tf32, given.device, given.data) for name in ("reference", mode))
    stack.callback(theirs.close)
    stack.callback(ours.close)
    return theirs, ours


def measure(sides: tuple[Side, Side], given: argparse.Namespace) -> Pair:
    """Return the images per second of both sides, measured in turn. End their processes."""
    theirs, ours = sides
    for one in sides:
        one.ready()
    found = pair(lambda: theirs(given.seconds), lambda: ours(given.seconds), given.repeats)
    for one in sides:
        one.close()
    return found


if __name__ == "__main__":
    main()
