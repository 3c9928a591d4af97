"""Random numbers for a batch that several ranks share: each draws the whole batch's, and keeps its own samples'."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import torch
from torch import Tensor

from ganzoo.distributed import collectives

CUDA_STATE = 16  # bytes, a seed and an offset
MPS_STATE = 36  # bytes, seven numbers of 32 bits and a seed


class SharedRandom(torch.Generator):
    """A stream of random numbers that all ranks draw alike, each keeping its own samples' of what was drawn.

    What is drawn for ``count`` samples, or a multiple, belongs by rows to the ranks. The cost: each rank draws as many
    numbers as one process would.
    """

    count: int
    rows: slice | None  # None while a batch is drawn whole

    def share(self, draw: Callable[[int], Tensor], size: int, dim: int) -> Tensor:
        """This rank's ``size`` samples of the tensor that ``draw`` makes for so many."""
        rows, self.rows = self.rows, None
        assert rows is not None
        try:
            drawn = draw(size * self.count // len(range(self.count)[rows]))
        finally:
            self.rows = rows
        return drawn[(slice(None),) * dim + (rows,)]


def share(draw: Callable[[int], Tensor], size: int, rng: torch.Generator, dim: int = 0) -> Tensor:
    """``draw(size)``; with a :class:`SharedRandom`, of a draw for all ranks this one's samples along ``dim``."""
    if isinstance(rng, SharedRandom) and rng.rows is not None:
        return rng.share(draw, size, dim)
    return draw(size)


def random_stream(device: torch.device | str, count: int, seed: int) -> torch.Generator:
    """A generator for batches of ``count`` samples in all."""
    if not collectives.here().together:
        return torch.Generator(device).manual_seed(seed)
    place, rng = collectives.here(), SharedRandom(device)
    rng.count, rng.rows = count, slice(place.rank, None, place.world)
    rng.manual_seed(seed)
    return rng


def restore_stream(rng: torch.Generator, state: Tensor, seed: int, shown: int) -> None:
    """Go on drawing from a state that was saved when ``shown`` images had been shown.

    CPUs, CUDA and MPS devices draw by different methods, so none can take over another's state: there the stream begins
    anew, from the run's seed and ``shown``. Raises TypeError or RuntimeError where ``state`` is no random state.
    """
    sizes = {"cuda": CUDA_STATE, "mps": MPS_STATE, "cpu": torch.Generator().get_state().numel()}
    own = sizes.pop(rng.device.type, None)
    if state.dtype == torch.uint8 and state.numel() != own and state.numel() in sizes.values():
        digest = sha256(f"{seed} {shown}".encode()).digest()
        rng.manual_seed(int.from_bytes(digest[:8], "little") % 2**63)
    else:
        rng.set_state(state)


def own_rows(rng: torch.Generator, start: int) -> slice:
    """This rank's rows of the batch that ``rng`` draws for, where its first sample is number ``start`` of all."""
    if not isinstance(rng, SharedRandom):
        return slice(None)
    place = collectives.here()
    own = slice((place.rank - start) % place.world, None, place.world)
    # One that has none here still has to draw, so that its stream stays that of the others.
    rng.rows = own if range(rng.count)[own] else slice(0, 1)
    return own
