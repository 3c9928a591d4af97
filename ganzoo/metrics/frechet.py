"""The Fréchet distance of two Gaussians, without the slow square root of a product that is not symmetric."""

from __future__ import annotations

import numpy as np

from ganzoo.metrics.features import Statistics


def frechet_distance(one: Statistics, two: Statistics) -> float:
    """``|mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))``, Dowson and Landau 1982, eq. 4.

    With S2 = A A^T the non-zero eigenvalues of S1 S2 are those of A^T S1 A, which is symmetric. A has one column
    for each direction in which S2 has any variance, so that few pictures, and a singular S2, only make it cheaper.
    """
    values, vectors = np.linalg.eigh(two["sigma"])
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    factor = vectors[:, kept] * np.sqrt(values[kept])
    product = np.linalg.eigvalsh(factor.T @ one["sigma"] @ factor)
    trace = np.sqrt(product.clip(min=0)).sum()
    apart = one["mu"].astype(np.float64) - two["mu"]
    return float(apart @ apart + np.trace(one["sigma"]) + np.trace(two["sigma"]) - 2 * trace)


__all__ = ["frechet_distance"]
