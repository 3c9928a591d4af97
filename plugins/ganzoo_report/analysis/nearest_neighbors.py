"""Finds the nearest real image of each generated image and its distance, to detect copying.

Distances between features are more meaningful than those between pixels, but extractors are slow. If scoring kept no
features of the whole set, pixels choose a few real images for each query, and features decide among all chosen images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo.data.dataset import Images
from ganzoo.metrics.reader import Reader, array_chunks
from ganzoo.utils.waiting import counted

SIDE = 32  # pixels of a side at most, for comparing pixels
MOST = 2**28  # bytes of real images to read; only part of a larger set is searched
STAGE = "nearest real images"


@dataclass(frozen=True)
class Nearest:
    """The nearest real images of a set of queries.

    index: the index of each query's nearest real image in the set, ``(Q,)``. distance: the distance to it, ``(Q,)``.
    space: "features" or "pixels", the space of the distance. searched: the number of real images searched. compared:
    the number of them compared by features.
    """

    index: np.ndarray
    distance: np.ndarray
    space: str
    searched: int
    compared: int


def nearest(
    queries: Tensor,
    own: Tensor,
    real: Images,
    seed: int,
    reader: Reader | None = None,
    kept: Tensor | None = None,
    chosen: int = 0,
) -> Nearest:
    """Return the nearest real images of uint8 images ``(Q, C, H, W)``.

    own: ``(Q,)``, the index of each query in the real set, or -1. A query is never its own neighbour.
    kept: the features ``(N, D)`` of the whole set, as the reader computes them.
    chosen: without ``kept``, the number of real images per query to compare by features, at most all; if 0, pixels
        decide.

    Raises ValueError if the set has no other image.
    """
    places = _part(real, seed)
    chosen = min(chosen, len(places) - 1)
    if reader and kept is not None:
        features = reader.read([queries], len(queries), STAGE)[reader.features[0]]
        index, distance = closest(features, [kept], 1, own)
        return Nearest(index[:, 0].numpy(), distance[:, 0].numpy(), "features", len(kept), len(kept))
    parts = np.array_split(places, -(-len(places) // 1000))
    counting = counted("comparing with real images", parts, len(parts), "thousand images")
    blocks = (_flat(torch.from_numpy(real.array[part])) for part in counting)
    index, distance = closest(_flat(queries), blocks, max(1, chosen), _within(own, places))
    index = torch.from_numpy(places)[index]
    if reader is None or chosen < 1:
        return Nearest(index[:, 0].numpy(), distance[:, 0].numpy(), "pixels", len(places), 0)
    few = index.unique().numpy()
    both = torch.cat([queries, torch.from_numpy(real.array[few])])
    features = reader.read(array_chunks(both.numpy()), len(both), STAGE)[reader.features[0]]
    count = len(queries)
    index, distance = closest(features[:count], [features[count:]], 1, _within(own, few))
    return Nearest(few[index[:, 0].numpy()], distance[:, 0].numpy(), "features", len(places), len(few))


def closest(queries: Tensor, blocks: Iterable[Tensor], count: int, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return the indices of the nearest rows of all blocks and their Euclidean distances, both ``(Q, count)``.

    queries: ``(Q, D)``. The nearest row comes first. A row is never its ``own`` neighbour. Raises ValueError if there
    are fewer than ``count`` other rows.
    """
    near = queries.new_full((len(queries), 0), 0.0)
    place = torch.zeros((len(queries), 0), dtype=torch.int64)
    start = 0
    for block in blocks:
        apart = torch.cdist(queries, block, compute_mode="donot_use_mm_for_euclid_dist")
        here = torch.arange(start, start + len(block))
        apart[own[:, None] == here] = torch.inf
        near, place = torch.cat([near, apart], 1), torch.cat([place, here.expand(len(queries), -1)], 1)
        near, order = near.topk(min(count, near.shape[1]), largest=False)
        place = place.gather(1, order)
        start += len(block)
    if near.shape[1] < count or near.isinf().any():
        raise ValueError(f"there are fewer than {count} other images")
    return place, near


def _part(real: Images, seed: int) -> np.ndarray:
    """Return the indices of the images to search: all, or a random part drawn by the seed if the set is too large."""
    most = max(1000, MOST // real.array[0].nbytes)
    if len(real) <= most:
        return np.arange(len(real))
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    return order[:most].sort().values.numpy()


def _within(own: Tensor, places: np.ndarray) -> Tensor:
    """Return the position of each index ``own`` in the sorted ``places``; -1 if it is not there."""
    found = torch.full_like(own, -1)
    for row, place in enumerate(own.tolist()):
        at = int(np.searchsorted(places, place))
        if at < len(places) and places[at] == place:
            found[row] = at
    return found


def _flat(images: Tensor) -> Tensor:
    """Return the images reduced to ``SIDE`` pixels and flattened, in [0, 1]."""
    small = images.float() / 255
    if small.shape[-1] > SIDE:
        small = adaptive_avg_pool2d(small, SIDE)
    return small.flatten(1)


__all__ = ["Nearest", "closest", "nearest"]
