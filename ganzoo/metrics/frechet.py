"""The Fréchet distance of two Gaussians, without the slow square root of a product that is not symmetric."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics.features import Statistics


def frechet_distance(one: Statistics, two: Statistics) -> float:
    """``|mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))``, Dowson and Landau 1982, eq. 4.

    With S2 = A A^T the non-zero eigenvalues of S1 S2 are those of A^T S1 A, which is symmetric.
    """
    factor = _factor(two["sigma"])
    values = np.linalg.eigvalsh(factor.T @ one["sigma"] @ factor)
    apart = one["mu"].astype(np.float64) - two["mu"]
    trace = np.trace(one["sigma"]) + np.trace(two["sigma"]) - 2 * np.sqrt(values.clip(min=0)).sum()
    return float(apart @ apart + trace)


def _factor(matrix: NDArray[Any]) -> NDArray[Any]:
    """A with ``matrix = A A^T``: Cholesky's, or else one column for each direction in which there is any variance."""
    noise = len(matrix) * np.finfo(np.float64).eps
    try:
        factor = np.linalg.cholesky(matrix)
        pivots = factor.diagonal() ** 2
        if pivots.min() > noise * pivots.max():
            return factor
    except np.linalg.LinAlgError:
        pass
    # Fewer pictures than dimensions: rounding errors in the empty directions would each add their square root.
    values, vectors = np.linalg.eigh(matrix)
    kept = values > noise * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])


__all__ = ["frechet_distance"]
