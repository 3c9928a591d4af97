"""What a metric reads: an extractor's features of a set of images, or their mean and covariance."""

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
"""``mu`` ``(D,)`` and ``sigma`` ``(D, D)``, as torch-fidelity names them; of few images there may be a ``factor``
``(D, N)`` too, with ``sigma = factor factor^T``."""


class Features:
    """Features of one side's images, as a metric gets them. Real images may come with their statistics alone, or with
    nothing at all if no metric reads them.

    count: how many images there are, N. mode: how the extractor computed them.
    labels: int64 ``(N,)``, the class of each image in the order of ``matrix``: of a real image its own, of a generated
    one the class that it was drawn for. None for real images without labels, and for generated ones of an
    unconditional generator. device: where the features were made, and where a metric may compute.
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
        """The features that the metric's entry names, float32 ``(N, D)``. Raises GanzooError if it asks for none.

        On the CPU; ``device`` says where they were made.
        """
        return _present(self._matrix, "features")

    @property
    def logits(self) -> Tensor:
        """The class logits, float32 ``(N, classes)``. Raises GanzooError if the metric's entry names other features."""
        return _present(self._logits, "class logits")

    @cached_property
    def statistics(self) -> Statistics:
        """Mean and covariance, float64; in ``reference`` mode the mean is float32, as in torch-fidelity."""
        if self._statistics is not None:
            return self._statistics
        rows = (self.matrix if self.mode == "reference" else self.matrix.double()).numpy()
        return {"mu": rows.mean(axis=0), "sigma": np.asarray(np.cov(rows, rowvar=False))}

    def at(self, rows: NDArray[np.int64]) -> Features:
        """The features of the images numbered ``rows`` ``(M,)``; an image may be there several times."""
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
