"""Evaluation speed against torch-fidelity's own extractor, and what the shortcuts do to the FID.

    python benchmarks/speed/evaluation.py [--device cpu] [--pictures 200] [--repeats 5]

The same pictures of Fashion-MNIST through each extractor, in turn, each in a process of its own. The
differences are those of the FID of these pictures against the test pictures' statistics, the real side read exactly as
in any score.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

import torch
from pairs import Pair, Side, machine, pair, peak_flops, save, slug, speed
from training import Flops

from ganzoo.config import data_root
from ganzoo.data.open import open_pictures
from ganzoo.device import pick_device, prepare_process
from ganzoo.metrics.extractor import load_extractor
from ganzoo.metrics.features import Features
from ganzoo.metrics.frechet import frechet_distance
from ganzoo.metrics.network import find_network
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.metrics.reference import real_features
from ganzoo.registry import Registry

WARM_UP = 2
COLUMNS = ("mode", "torch-fidelity", "ganzoo", "ratio (pairs)", "share of peak", "FID", "difference")


def side(mode: str, device_name: str, data: str) -> Callable[[float], float]:
    """Pictures per second of a mode; ganzoo's own in a process made fit as for any of its scores."""
    if mode != "reference":
        prepare_process()
    registry, device, root = Registry.load(), pick_device(device_name), data_root(None)
    network = find_network(None, root)
    batch = Reader(network, mode, device, ("2048",)).batch
    pictures = torch.from_numpy(open_pictures(registry, data, split="train", root=root).array[:batch].copy())
    extract = load_extractor(network, mode, device)
    for _ in range(WARM_UP):
        extract(pictures)
    return lambda seconds: speed(lambda: extract(pictures), batch, seconds, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--pictures", type=int, default=2000, help="whose FID is compared")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each side in each pair")
    given = parser.parse_args()
    registry, device, root = Registry.load(), pick_device(given.device), data_root(None)
    train = open_pictures(registry, given.data, split="train", root=root).array[: given.pictures]
    test = open_pictures(registry, given.data, split="test", root=root)
    network = find_network(None, root)

    def reader(mode: str) -> Reader:
        return Reader(network, mode, device, ("2048",))

    real, _ = real_features(test, reader("exact"), root, whole=False)

    def fid(mode: str) -> float:
        features = reader(mode).read(array_chunks(train), len(train), "")["2048"]
        return frechet_distance(real.statistics, Features(len(train), matrix=features).statistics)

    theirs, true = load_extractor(network, "reference", device), fid("reference")
    few = torch.from_numpy(train[: reader("exact").batch].copy())
    with Flops() as counter, torch.no_grad():  # inference mode would hide the convolutions from the counter
        theirs.network(few.expand(-1, 3, -1, -1).to(device))
    flops = counter.total / len(few)
    peaks = {"exact": peak_flops(device), "fast": peak_flops(device, torch.bfloat16)}
    rows, figures = [], []
    for mode, peak in peaks.items():
        found = measure(mode, given)
        value = fid(mode)
        ratio = f"{found.ratio:.2f} ({found.lowest:.2f} to {found.highest:.2f})"
        share = found.ours * flops / peak
        shown = [f"{found.theirs:.1f}", f"{found.ours:.1f}", ratio, f"{share:.0%}"]
        rows.append([mode, *shown, f"{value:.4f}", f"{value - true:+.5f}"])
        figures.append({"mode": mode, **asdict(found), "share_of_peak": share, "fid": value, "fid_reference": true})
        print(*rows[-1], flush=True)
    where = machine(device)
    title = (
        f"Pictures per second through Inception ({flops / 1e9:.1f} GFLOP each), {where['device']}, {len(few)} at a "
        f"time; the peak is that of a large matrix product, {peaks['exact'] / 1e9:.0f} GFLOP/s in float32 and "
        f"{peaks['fast'] / 1e9:.0f} in bf16; FID of {len(train)} pictures"
    )
    save(f"evaluation-{slug(device)}", title, COLUMNS, rows, {**vars(given), "machine": where, "rows": figures})


def measure(mode: str, given: argparse.Namespace) -> Pair:
    """Pictures per second of torch-fidelity's own extractor and of ours, in turn."""
    theirs, ours = (Side(side, name, given.device, given.data) for name in ("reference", mode))
    try:
        return pair(lambda: theirs(given.seconds), lambda: ours(given.seconds), given.repeats)
    finally:
        theirs.close()
        ours.close()


if __name__ == "__main__":
    main()
