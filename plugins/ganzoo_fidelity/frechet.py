"""The Fréchet distance of two Gaussians, without the slow square root of a non-symmetric product."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.distributed.device import with_float64
from ganzoo.metrics.features import Statistics


def frechet_distance(one: Statistics, two: Statistics, device: torch.device | str = "cpu") -> float:
    """Return ``|mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))``, Dowson and Landau 1982, eq. 4, in float64.

    With S2 = A A^T the non-zero eigenvalues of S1 S2 are those of A^T S1 A, which is symmetric.
    """
    device = with_float64(torch.device(device))

    def load(side: Statistics, name: str) -> Tensor:
        return torch.as_tensor(side[name], dtype=torch.float64, device=device)

    sigma_one, sigma_two = load(one, "sigma"), load(two, "sigma")
    factor = load(two, "factor") if "factor" in two else _factor(sigma_two)
    values = torch.linalg.eigvalsh(factor.T @ sigma_one @ factor)
    apart = load(one, "mu") - load(two, "mu")
    trace = sigma_one.trace() + sigma_two.trace() - 2 * values.clamp(min=0).sqrt().sum()
    return float(apart @ apart + trace)


def frechet_of_features(one: Tensor, two: Tensor, device: torch.device | str = "cpu") -> float:
    """Return the same distance of the Gaussians fitted to features ``(N, D)`` and ``(M, D)``; fast for few images.

    Let A be the centred features, transposed, over sqrt(N - 1), so that S = A A^T. Then the trace of (S1 S2)^(1/2) is
    the sum of the singular values of A1^T A2, ``(N, M)``. If both sides have more images than dimensions, the
    covariances are the smaller matrices and are used instead.
    """
    if min(len(one), len(two)) > one.shape[1]:
        return frechet_distance(_fitted(one), _fitted(two), device)
    device = with_float64(torch.device(device))
    one, two = (side.to(device).double() for side in (one, two))
    apart = one.mean(0) - two.mean(0)
    first, second = ((side - side.mean(0)) / (len(side) - 1) ** 0.5 for side in (one, two))
    shared = torch.linalg.svdvals(first @ second.T).sum()
    return float(apart @ apart + first.square().sum() + second.square().sum() - 2 * shared)


def _fitted(features: Tensor) -> Statistics:
    rows = features.double()
    return {"mu": rows.mean(0).numpy(), "sigma": rows.T.cov().numpy()}


def _factor(matrix: Tensor) -> Tensor:
    """Return A with ``matrix = A A^T``: Cholesky's factor, or for a singular matrix its pivoted one, ``(D, rank)``."""
    noise = len(matrix) * torch.finfo(torch.float64).eps
    factor, failed = torch.linalg.cholesky_ex(matrix)
    pivots = factor.diagonal() ** 2
    if not failed and pivots.min() > noise * pivots.max():
        return factor
    # Fewer images than dimensions: rounding errors in the empty directions would each add their square root.
    return _pivoted(matrix, noise)


def _pivoted(matrix: Tensor, noise: float) -> Tensor:
    """Return Cholesky's factor, ``(D, rank)``, pivoted by the largest remaining variance, until only noise remains.

    It costs ``D rank^2``; the eigenvectors of all D directions would cost ``D^3``.
    """
    factor, remaining = torch.zeros_like(matrix), matrix.diagonal().clone()
    smallest = noise * remaining.max()
    for rank in range(len(matrix)):
        pivot = remaining.argmax()
        if remaining[pivot] <= smallest:
            return factor[:, :rank]
        column = (matrix[pivot] - factor[:, :rank] @ factor[pivot, :rank]) / remaining[pivot].sqrt()
        factor[:, rank] = column
        remaining -= column.square()
        remaining[pivot] = 0
    return factor


__all__ = ["frechet_distance", "frechet_of_features"]
