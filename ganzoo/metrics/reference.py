"""The real side of a score: read once, then kept.

Under ``<root>/statistics`` lies, for each set of images and way of reading them: ``KEY.npz`` with the mean and
covariance, and ``KEY-features.npz`` with all the features where a metric wanted them. NumPy's archives carry checksums:
one that is damaged is read anew from the images.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.metrics.features import Features
from ganzoo.metrics.files import read_arrays, write_arrays
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.metrics.shipped import load_shipped

if TYPE_CHECKING:
    from ganzoo.data.dataset import Images

STAGE = "real images"
FEATURES = "-features"  # ends the name of the file that holds all of them


def real_features(
    images: Images, reader: Reader, root: Path, *, whole: bool, shipped: str = "", stage: str = STAGE
) -> tuple[Features, str]:
    """Features of the real set, the reader's first ones, and their origin: "cached", "shipped" or "extracted".

    ``whole``: all the features are wanted, not their statistics alone. ``shipped``: the statistics that the data set
    carries, as ``"package:file"``, or "". ``stage``: for the display of progress. Raises GanzooError if nothing can be
    written under ``root``.
    """
    count, name = len(images.array), cache_name(images, reader)
    statistics_file, matrix_file = (root / "statistics" / f"{name}{end}.npz" for end in ("", FEATURES))
    statistics = collectives.common(read_arrays(statistics_file))
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
    """The data's fingerprint, its split and shape, and the way of reading."""
    shape = "x".join(str(size) for size in images.array.shape)
    fingerprint = re.sub(r"[^A-Za-z0-9]", "", images.fingerprint)[:32]
    return f"{fingerprint}-{images.split}-{shape}-{reader.name}"


def kept_features(images: Images, reader: Reader, root: Path) -> Tensor | None:
    """All the features of the set ``(N, D)`` where an earlier score kept them; None where it did not."""
    file = root / "statistics" / f"{cache_name(images, reader)}{FEATURES}.npz"
    return _read_matrix(file, len(images.array))


def _read_matrix(file: Path, count: int) -> Tensor | None:
    matrix = (read_arrays(file) or {}).get("features")
    return torch.from_numpy(matrix) if matrix is not None and len(matrix) == count else None


__all__ = ["cache_name", "kept_features", "real_features"]
