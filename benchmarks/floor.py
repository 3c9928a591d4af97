"""Compute the lowest FID that a generator can reach: the FID of COUNT training images against the reference images.

    python benchmarks/floor.py NAME COUNT [COUNT...]

A generator gets a lower FID only by chance or by copying; read a result as its distance from this value. 10,000 images
take a quarter of an hour on two CPU cores.
"""

from __future__ import annotations

import sys

import torch

from ganzoo.config.recipe import parse_data
from ganzoo.data.factory import open_dataset
from ganzoo.entries import ExtractorEntry
from ganzoo.metrics.extractors import find_source
from ganzoo.metrics.features import Features
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.metrics.reference import real_features
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root
from ganzoo_fidelity.frechet import frechet_distance


def main(name: str, counts: list[int]) -> None:
    registry, root = Registry.load(), data_root(None)
    entry, location = parse_data(name, registry)
    train = open_dataset(entry, location, name, split="train", root=root).array
    if max(counts) > len(train):
        sys.exit(f"floor: {name} has {len(train)} training images; name smaller counts")
    reference = open_dataset(entry, location, name, split=entry.reference, root=root)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reader = Reader(find_source(registry.get(ExtractorEntry, "inception"), None, root), "exact", device, ("2048",))
    real, _ = real_features(reference, reader, root, whole=False)
    drawn = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[: max(counts)].sort().values
    matrix = reader.read(array_chunks(train[drawn.numpy()]), len(drawn), "training images")["2048"]
    shuffled = matrix[torch.randperm(len(matrix), generator=torch.Generator().manual_seed(1))]
    for count in counts:
        fid = frechet_distance(real.statistics, Features(count, matrix=shuffled[:count]).statistics)
        print(f"{name}: {count} training images against {len(reference.array)}: FID {fid:.3f}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: floor.py NAME COUNT [COUNT...]")
    main(sys.argv[1], [int(count) for count in sys.argv[2:]])
