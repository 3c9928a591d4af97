"""KID, precision and recall on the device of the features, by torch-fidelity's definitions, in float64.

Distances are computed in blocks of rows. If the device has no float64, the CPU computes instead.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganzoo.distributed.device import with_float64

SUBSETS = 100
BLOCK = 1000  # rows of a distance matrix at a time: 400 MB against 50,000 images


def subset_mmds(fake: Tensor, real: Tensor, *, size: int, seed: int) -> Tensor:
    """Return the unbiased squared MMD of each of 100 pairs of subsets, float64 ``(100,)``.

    Bińkowski et al. 2018, eq. 4. fake, real: features ``(N, D)`` and ``(M, D)``. size: the size of a subset, at most N
    and M. seed: the seed of the subsets, which are the same as torch-fidelity's.
    """
    rng = np.random.RandomState(seed)
    fake, real = (side.to(with_float64(side.device)).double() for side in (fake, real))

    def subset(features: Tensor) -> Tensor:
        drawn = rng.choice(len(features), size, replace=False)
        return features[torch.from_numpy(drawn).to(features.device)]

    return torch.stack([_mmd(subset(fake), subset(real)) for _ in range(SUBSETS)])


def _mmd(one: Tensor, two: Tensor) -> Tensor:
    size = len(one)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = sum(matrix.sum() - matrix.trace() for matrix in (kernel(one, one), kernel(two, two)))
    return within / (size * (size - 1)) - 2 * kernel(one, two).mean()


def precision_recall(fake: Tensor, real: Tensor, *, neighbours: int) -> tuple[float, float]:
    """Return precision and recall (Kynkäänniemi et al. 2019, eq. 1 and 2) of features ``(N, D)`` and ``(M, D)``.

    A ball around each point of a set reaches to the point's neighbour number ``neighbours`` in the same set. Precision
    is the share of fakes inside any ball of the reals; recall is the share of reals inside any ball of the fakes.
    """
    fake, real = (side.to(with_float64(side.device)).double() for side in (fake, real))
    precision = _covered(fake, real, _radii(real, neighbours))
    recall = _covered(real, fake, _radii(fake, neighbours))
    return precision, recall


def _radii(points: Tensor, neighbours: int) -> Tensor:
    """Return each point's distance to its neighbour number ``neighbours``, ``(N,)``; number 0 is the point itself."""
    return torch.cat([torch.cdist(block, points).kthvalue(neighbours + 1).values for block in points.split(BLOCK)])


def _covered(points: Tensor, centres: Tensor, radii: Tensor) -> float:
    """Return the share of ``points`` within the radius of any centre."""
    inside = [(torch.cdist(block, centres) <= radii).any(dim=1) for block in points.split(BLOCK)]
    return float(torch.cat(inside).double().mean())
