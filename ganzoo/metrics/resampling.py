"""The features of a bootstrap sample: images drawn with replacement from those that were read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.metrics.features import Features, Statistics


def resampled(side: Features, rows: NDArray[np.int64], statistics_alone: bool) -> Features:
    """The features of the images numbered ``rows`` ``(M,)``, of those of ``side``.

    statistics_alone: give the metric mean and covariance only, which are faster to compute.
    """
    if statistics_alone:
        return Features(len(rows), statistics=sample_statistics(side.matrix, rows), device=side.device)
    return side.at(rows)


def sample_statistics(matrix: Tensor, rows: NDArray[np.int64]) -> Statistics:
    """Mean and covariance, float64, of the rows ``(M,)`` of a matrix ``(N, D)``, each distinct row read once.

    Of M draws from as many rows 63 % are distinct. Where these are fewer than D, ``factor`` ``(D, distinct)`` is there
    too, with ``sigma = factor factor^T``: it spares a Fréchet distance the decomposition of ``sigma``.
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
