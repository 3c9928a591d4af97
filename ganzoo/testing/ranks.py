"""Several devices simulated in one process: one thread for each rank; the threads exchange tensors as ranks do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ganzoo.distributed import collectives
from ganzoo.distributed.collectives import Place

T = TypeVar("T")
PATIENCE = 60.0  # seconds to wait before a missing rank counts as lost
REDUCTIONS: dict[Any, Callable[[Tensor], Tensor]] = {
    dist.ReduceOp.SUM: lambda parts: parts.sum(0, dtype=parts.dtype),
    dist.ReduceOp.MAX: lambda parts: parts.amax(0),
    dist.ReduceOp.MIN: lambda parts: parts.amin(0),
}


class Ranks:
    """A group of ``world`` simulated ranks. Collectives work between the threads that :meth:`run` starts."""

    def __init__(self, world: int) -> None:
        self.world = world
        self._own = threading.local()
        self._barrier = threading.Barrier(world)
        self._sent: list[Tensor] = [torch.empty(0)] * world

    # These stand in for the Place that collectives.here() returns; each thread has its own.
    @property
    def rank(self) -> int:
        """The rank of this thread."""
        return self._place.rank

    @property
    def together(self) -> bool:
        """Whether this thread is one of the ranks."""
        return self._place.together

    @property
    def _place(self) -> Place:
        return getattr(self._own, "place", Place())

    @contextmanager
    def at(self, rank: int, *, waits: bool = True) -> Iterator[None]:
        """Make this thread the rank ``rank``. ``waits=False``: reductions return its own tensors at once, unchanged."""
        self._own.place, self._own.waits = Place(rank, self.world, True), waits
        try:
            yield
        finally:
            del self._own.place

    @contextmanager
    def simulated(self) -> Iterator[None]:
        """Make the collectives of this process use these ranks instead of ``torch.distributed``."""
        known: Any = collectives
        before = known._here, known._reduce
        known._here, known._reduce = self, self._reduce
        try:
            yield
        finally:
            known._here, known._reduce = before

    def run(self, work: Callable[[int], T]) -> list[T]:
        """Call ``work(rank)`` in a thread for each rank and return the results. Raises the first error of any rank."""
        results: list[Any] = [None] * self.world
        errors: list[BaseException] = []

        def one(rank: int) -> None:
            try:
                with self.at(rank):
                    results[rank] = work(rank)
            except threading.BrokenBarrierError:  # another rank has failed
                pass
            except BaseException as error:
                errors.append(error)
                self._barrier.abort()

        threads = [threading.Thread(target=one, args=(rank,), daemon=True) for rank in range(self.world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    def _reduce(self, tensor: Tensor, operation: Any = dist.ReduceOp.SUM) -> Tensor:
        if not self._own.waits:
            return tensor
        self._sent[self.rank] = tensor
        self._barrier.wait(PATIENCE)
        result = REDUCTIONS[operation](torch.stack(self._sent))
        self._barrier.wait(PATIENCE)  # all have read what was sent
        return tensor.copy_(result)
