"""Make the reference statistics that a data set ships: ``python benchmarks/make_statistics.py NAME FILE.npz``.

Reads every image of the data set's reference split with the exact extractor, which takes a quarter of an hour for
10,000 images on two cores. Then prints how much the FID against half of the same images changes because the covariance
is stored as float32.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ganzoo.config.recipe import parse_data
from ganzoo.data.factory import open_dataset
from ganzoo.entries import ExtractorEntry
from ganzoo.metrics.extractors import find_source
from ganzoo.metrics.features import Features
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.metrics.shipped import save_shipped, unpack
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root
from ganzoo_fidelity.frechet import frechet_distance


def main(name: str, out: Path) -> None:
    """Extract the features, write the statistics, and measure the loss of precision."""
    registry = Registry.load()
    root = data_root(None)
    entry, location = parse_data(name, registry)
    images = open_dataset(entry, location, name, split=entry.reference, root=root)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    show = lambda stage, done, total: print(f"\r{stage} {done}/{total}", end="", flush=True)  # noqa: E731
    reader = Reader(
        find_source(registry.get(ExtractorEntry, "inception"), None, root), "exact", device, ("2048",), progress=show
    )
    count = len(images.array)
    whole = Features(count, matrix=reader.read(array_chunks(images.array), count, name)["2048"])
    save_shipped(out, whole.statistics, images.array, reader.source.network.sha256)

    half = Features(count // 2, matrix=whole.matrix[: count // 2]).statistics
    sigma = whole.statistics["sigma"]
    rows, columns = torch.triu_indices(*sigma.shape).numpy()
    stored = {"mu": whole.statistics["mu"], "sigma": unpack(sigma[rows, columns].astype("float32"), len(sigma))}
    exact = frechet_distance(whole.statistics, half)
    print(f"\n{out}: FID against half of them {exact:.6f}, as stored {frechet_distance(stored, half) - exact:+.1e}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: make_statistics.py NAME FILE.npz")
    main(sys.argv[1], Path(sys.argv[2]))
