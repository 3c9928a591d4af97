"""The input of a metric: an extractor's features of a set of images, or their mean and covariance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Mode

Statistics: TypeAlias = Mapping[str, NDArray[Any]]
"""``mu`` ``(D,)`` and ``sigma`` ``(D, D)``, as torch-fidelity names them. Those of a bootstrap sample with fewer than D
distinct images also have ``factor`` ``(D, K)``, K distinct images, with ``sigma = factor factor^T``."""


class Features:
    """The features of one side's images, as a metric gets them.

    Real images may have only statistics, or nothing at all if no metric reads them.

    count: the number of images, N. mode: how the extractor computed the features.
    labels: the class of each image in the order of ``matrix``, int64 ``(N,)``: a real image's own class, or the class
    for which an image was generated. None for real images without labels and for images of an unconditional generator.
    device: where the features were computed, and where a metric may compute.
    """

    def __init__(
        self,
        count: int,
        *,
        matrix: Tensor | None = None,
        logits: Tensor | None = None,
        statistics: Statistics | None = None,
        mode: Mode = "exact",
        device: torch.device | str = "cpu",
        labels: NDArray[np.int64] | None = None,
    ) -> None:
        self.count, self.mode, self.device, self.labels = count, mode, device, labels
        self._matrix, self._logits, self._statistics = matrix, logits, statistics

    @property
    def matrix(self) -> Tensor:
        """The features that the metric's entry names, float32 ``(N, D)``, on the CPU.

        Raises GanzooError if the entry does not ask for them.
        """
        return _present(self._matrix, "features")

    @property
    def logits(self) -> Tensor:
        """The class logits, float32 ``(N, classes)``. Raises GanzooError if the metric's entry names other features."""
        return _present(self._logits, "class logits")

    @cached_property
    def statistics(self) -> Statistics:
        """The mean and covariance, float64; in ``reference`` mode the mean is float32, as in torch-fidelity."""
        if self._statistics is not None:
            return self._statistics
        rows = (self.matrix if self.mode == "reference" else self.matrix.double()).numpy()
        return {"mu": rows.mean(axis=0), "sigma": np.asarray(np.cov(rows, rowvar=False))}

    def at(self, rows: NDArray[np.int64]) -> Features:
        """Return the features of the images with the numbers ``rows`` ``(M,)``; a number may occur several times."""
        index = torch.from_numpy(rows)
        return Features(
            len(rows),
            matrix=None if self._matrix is None else self._matrix[index],
            logits=None if self._logits is None else self._logits[index],
            mode=self.mode,
            device=self.device,
            labels=None if self.labels is None else self.labels[rows],
        )


def _present(matrix: Tensor | None, what: str) -> Tensor:
    if matrix is None:
        raise GanzooError(f"a metric reads {what} that its entry did not ask for; fix its plugin")
    return matrix


__all__ = ["Features", "Statistics"]
