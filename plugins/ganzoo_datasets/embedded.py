"""Fashion-MNIST's test images, which are part of this package (MIT licence, in the same directory)."""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np

from ganzoo_datasets.arrays import ArraySource


class Fashion10k(ArraySource):
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        directory = files("ganzoo_datasets") / "fashion_10k"
        images = gzip.decompress((directory / "t10k-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((directory / "t10k-labels-idx1-ubyte.gz").read_bytes())
        # The idx format: 16 bytes of header before the images, 8 before the labels.
        return (
            np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28, 1),
            np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
        )
