"""The features of a bootstrap sample: images drawn with replacement from those already read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.metrics.features import Features, Statistics


def resampled(side: Features, rows: NDArray[np.int64], statistics_alone: bool) -> Features:
    """Return the features of the images of ``side`` with the numbers ``rows`` ``(M,)``.

    statistics_alone: return only the mean and covariance, which are faster to compute.
    """
    if statistics_alone:
        return Features(len(rows), statistics=sample_statistics(side.matrix, rows), device=side.device)
    return side.at(rows)


def sample_statistics(matrix: Tensor, rows: NDArray[np.int64]) -> Statistics:
    """Return the mean and covariance, float64, of rows ``(M,)`` of a matrix ``(N, D)``; read each distinct row once.

    M draws from M rows give 63 % distinct rows. If fewer than D rows are distinct, the result also has ``factor``
    ``(D, distinct)`` with ``sigma = factor factor^T``, so that a Fréchet distance need not decompose ``sigma``.
    """
    counts = np.bincount(rows, minlength=len(matrix))
    distinct = np.flatnonzero(counts)
    weights = counts[distinct].astype(np.float64)
    centred = matrix[distinct].double().numpy()
    mean = weights @ centred / len(rows)
    centred = (centred - mean) * np.sqrt(weights / (len(rows) - 1))[:, None]
    found = {"mu": mean, "sigma": centred.T @ centred}
    return {**found, "factor": centred.T} if len(distinct) < centred.shape[1] else found


__all__ = ["resampled", "sample_statistics"]
