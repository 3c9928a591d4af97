"""Random numbers for a batch that several ranks share: each rank draws all of them and keeps those of its samples."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import torch
from torch import Tensor

from ganzoo.distributed import collectives

CUDA_STATE = 16  # bytes, a seed and an offset
MPS_STATE = 36  # bytes, seven numbers of 32 bits and a seed


class SharedRandom(torch.Generator):
    """A stream of random numbers that is the same on all ranks; each rank keeps the numbers of its own samples.

    count: the number of samples in a batch. rows: this rank's samples among them. A draw may also be for a multiple of
    ``count`` samples. The cost: each rank draws as many numbers as a single process would.
    """

    count: int
    rows: slice | None  # None while a batch is drawn whole

    def share(self, draw: Callable[[int], Tensor], size: int, dim: int) -> Tensor:
        """Draw for the samples of all ranks; return the ``size`` samples of this rank along ``dim``."""
        rows, self.rows = self.rows, None
        assert rows is not None
        try:
            drawn = draw(size * self.count // len(range(self.count)[rows]))
        finally:
            self.rows = rows
        return drawn[(slice(None),) * dim + (rows,)]


def share(draw: Callable[[int], Tensor], size: int, rng: torch.Generator, dim: int = 0) -> Tensor:
    """Return ``draw(size)``; with a :class:`SharedRandom`, draw for all ranks and return this rank's samples.

    dim: the axis of the samples.
    """
    if isinstance(rng, SharedRandom) and rng.rows is not None:
        return rng.share(draw, size, dim)
    return draw(size)


def random_stream(device: torch.device | str, count: int, seed: int) -> torch.Generator:
    """Return a random generator for batches of ``count`` samples, counted over all ranks."""
    if not collectives.here().together:
        return torch.Generator(device).manual_seed(seed)
    place, rng = collectives.here(), SharedRandom(device)
    rng.count, rng.rows = count, slice(place.rank, None, place.world)
    rng.manual_seed(seed)
    return rng


def restore_stream(rng: torch.Generator, state: Tensor, seed: int, shown: int) -> None:
    """Restore a random state that was saved when ``shown`` images had been shown.

    CPUs, CUDA and MPS devices use different generators and cannot restore each other's states. For another device's
    state, the stream starts again with a seed from the run's seed and ``shown``. Raises TypeError or RuntimeError if
    ``state`` is not a random state.
    """
    sizes = {"cuda": CUDA_STATE, "mps": MPS_STATE, "cpu": torch.Generator().get_state().numel()}
    own = sizes.pop(rng.device.type, None)
    if state.dtype == torch.uint8 and state.numel() != own and state.numel() in sizes.values():
        digest = sha256(f"{seed} {shown}".encode()).digest()
        rng.manual_seed(int.from_bytes(digest[:8], "little") % 2**63)
    else:
        rng.set_state(state)


def own_rows(rng: torch.Generator, start: int) -> slice:
    """Return this rank's rows of the batch that ``rng`` draws for; its first sample has the number ``start``."""
    if not isinstance(rng, SharedRandom):
        return slice(None)
    place = collectives.here()
    own = slice((place.rank - start) % place.world, None, place.world)
    # A rank without rows in this batch must draw too, so that its stream stays the same as that of the others.
    rng.rows = own if range(rng.count)[own] else slice(0, 1)
    return own
