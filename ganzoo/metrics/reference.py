"""The real side of a score: read once, then cached.

For each set of images and way of reading them, ``<root>/statistics`` has ``KEY.npz`` with the mean and covariance and,
if a metric needed them, ``KEY-features.npz`` with all the features. NumPy's archives carry checksums; if one is
damaged, the features are read from the images again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.metrics.features import Features
from ganzoo.metrics.files import read_arrays, write_arrays
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.metrics.shipped import load_shipped

if TYPE_CHECKING:
    from ganzoo.data.dataset import Images

REAL = "real images"
FEATURES = "-features"  # the suffix of the file with all the features


def real_features(
    images: Images, reader: Reader, root: Path, *, whole: bool, shipped: str = "", stage: str = REAL
) -> tuple[Features, str]:
    """Return the reader's first feature of the real set, and its origin: "cached", "shipped" or "extracted".

    ``whole``: whether all the features are needed, not only their statistics. ``shipped``: the statistics that come
    with the data set, as ``"package:file"``, or "". ``stage``: the label for the display of progress. Raises
    GanzooError if the cache under ``root`` cannot be written.
    """
    count, name = len(images.array), cache_name(images, reader)
    statistics_file, matrix_file = (root / "statistics" / f"{name}{end}.npz" for end in ("", FEATURES))
    statistics = collectives.common(_read_statistics(statistics_file))
    if not whole:
        if statistics is not None:
            return Features(count, statistics=statistics, mode=reader.mode), "cached"
        # Shipped statistics are those of the exact extractor.
        if shipped and reader.mode == "exact" and reader.reads_first:
            found = collectives.common(load_shipped(shipped, images.array, reader.source.network.sha256))
            if found is not None:
                return Features(count, statistics=found, mode=reader.mode), "shipped"
    matrix, origin = collectives.common(_read_matrix(matrix_file, count)), "cached"
    if matrix is None and not whole and reader.mode == "exact":
        summed = reader.statistics(array_chunks(images.array), count, stage)
        write_arrays(statistics_file, summed)
        return Features(count, statistics=summed, mode=reader.mode), "extracted"
    if matrix is None:
        origin = "extracted"
        matrix = reader.read(array_chunks(images.array), count, stage)[reader.features[0]]
        if whole:
            write_arrays(matrix_file, {"features": matrix.numpy()})
    features = Features(count, matrix=matrix, statistics=statistics, mode=reader.mode)
    if statistics is None:
        write_arrays(statistics_file, features.statistics)
    return features, origin


def cache_name(images: Images, reader: Reader) -> str:
    """Return a name from the data's fingerprint, its split and shape, and the way of reading."""
    shape = "x".join(str(size) for size in images.array.shape)
    fingerprint = re.sub(r"[^A-Za-z0-9]", "", images.fingerprint)[:32]
    return f"{fingerprint}-{images.split}-{shape}-{reader.name}"


def kept_features(images: Images, reader: Reader, root: Path) -> Tensor | None:
    """Return all the features of the set, ``(N, D)``, if an earlier score cached them, else None."""
    file = root / "statistics" / f"{cache_name(images, reader)}{FEATURES}.npz"
    return _read_matrix(file, len(images.array))


def _read_statistics(file: Path) -> dict[str, Any] | None:
    found = read_arrays(file) or {}
    return found if found.keys() >= {"mu", "sigma"} else None


def _read_matrix(file: Path, count: int) -> Tensor | None:
    matrix = (read_arrays(file) or {}).get("features")
    return torch.from_numpy(matrix) if matrix is not None and len(matrix) == count else None


__all__ = ["cache_name", "kept_features", "real_features"]
