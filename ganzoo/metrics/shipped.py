"""Reference statistics shipped with a data set, so that its real images need not be read.

The file holds ``mean``, float64 ``(D,)``; ``triangle``, the covariance's upper triangle row by row, float32; ``count``;
and the checksums of the ``network`` and of the images (``pictures``).
"""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import GanzooError
from ganzoo.metrics.features import Statistics
from ganzoo.metrics.files import UNREADABLE, write_arrays
from ganzoo.utils.waiting import waiting

if TYPE_CHECKING:
    from ganzoo.data.stream import StreamedArray


def images_sha256(images: NDArray[Any] | StreamedArray) -> str:
    """Return the checksum of uint8 images ``(N, C, H, W)``."""
    with waiting("comparing the images with the shipped statistics"):
        return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()


def load_shipped(resource: str, images: NDArray[Any] | StreamedArray, network: str) -> Statistics | None:
    """Return the statistics in ``"package:file"``; None if they are for other images or another network.

    Raises GanzooError if the file is missing or damaged, which is an error of its package.
    """
    package, _, name = resource.partition(":")
    try:
        content = files(package).joinpath(name).read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            stored = {key: archive[key] for key in ("mean", "triangle", "count", "network", "pictures")}
    except (*UNREADABLE, ImportError) as error:
        raise GanzooError(f"cannot read the statistics {resource!r}; reinstall {package}") from error
    if str(stored["network"]) != network or int(stored["count"]) != len(images):
        return None
    if str(stored["pictures"]) != images_sha256(images):
        return None
    return {"mu": stored["mean"], "sigma": unpack(stored["triangle"], len(stored["mean"]))}


def save_shipped(path: Path, statistics: Statistics, images: NDArray[Any], network: str) -> None:
    """Write the file that :func:`load_shipped` reads."""
    write_arrays(
        path,
        {
            "mean": statistics["mu"].astype(np.float64),
            "triangle": statistics["sigma"][np.triu_indices(len(statistics["mu"]))].astype(np.float32),
            "count": np.int64(len(images)),
            "network": np.str_(network),
            "pictures": np.str_(images_sha256(images)),
        },
    )


def unpack(triangle: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """Return the symmetric matrix ``(size, size)`` with this upper triangle."""
    upper = np.zeros((size, size))
    upper[np.triu_indices(size)] = triangle
    return upper + np.triu(upper, 1).T


__all__ = ["images_sha256", "load_shipped", "save_shipped", "unpack"]
