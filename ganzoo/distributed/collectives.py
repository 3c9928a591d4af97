"""One run on several devices, with one process ("rank") for each.

All ranks hold the same weights, the same counters and the same stream of random numbers. Sample k of a batch belongs to
rank ``k % world``. Every rank draws the random numbers of the whole batch and keeps its own rows; gradients, means and
statistics of a batch cover the rows of all ranks. So the results do not depend on the number of ranks, except for the
order of sums. Only the first rank writes files.

With a single process, started without ``torchrun`` and ``--devices``, the functions here have no effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from ganzoo.errors import GanzooError, RankLost

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # after which a silent rank counts as lost; a rank that dies is noticed at once
BUCKET = 2**25  # bytes of gradients sent at a time, which is also the memory that sending takes


@dataclass(frozen=True)
class Place:
    """The place of this process among those of its run.

    rank: its number. world: the number of processes. together: whether it belongs to a process group.
    """

    rank: int = 0
    world: int = 1
    together: bool = False


_here = Place()


def here() -> Place:
    """Return the place of this process among those of its run."""
    return _here


def first() -> bool:
    """Return whether this is the first rank, which writes all files and messages."""
    return _here.rank == 0


@contextmanager
def joined() -> Iterator[Place]:
    """Join the process group that ``torchrun`` or ``--devices`` set in the environment, if any, during the block.

    gloo sends tensors on the CPU, NCCL those on a GPU. Raises RankLost if the other processes do not join.
    """
    global _here
    if "WORLD_SIZE" not in os.environ or "RANK" not in os.environ or _here.together:
        yield _here
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _translated():
        store, rank, world = next(rendezvous("env://", timeout=PATIENCE))
        store = dist.PrefixStore(_attempt(), store)  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=PATIENCE)
    _here = Place(dist.get_rank(), dist.get_world_size(), True)
    try:
        yield _here
        dist.destroy_process_group()  # not after a failure: it might wait for a lost rank
    finally:
        _here = Place()


def _attempt() -> str:
    """Return a prefix that all ranks of one start share and that differs between starts.

    The agent that restarts the ranks keeps its store, with the addresses of ranks that have ended. Its count of
    restarts is the same for all ranks on one machine only. On several machines the prefix is constant, and
    ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` gives each start its own store.
    """
    alone = os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")
    return f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') if alone else ''}"


def restarted() -> bool:
    """Return whether ``torchrun`` restarted the ranks after one had died. All ranks must call this.

    On several machines only the one with the dead rank counts a restart, so the ranks must agree.
    """
    return agreed(_here.together and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0")


def ranks_here() -> int:
    """Return how many ranks share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if _here.together else 1


@contextmanager
def alone() -> Iterator[None]:
    """Act as a single process during the block: nothing in it waits for other ranks."""
    global _here
    before, _here = _here, Place()
    try:
        yield
    finally:
        _here = before


def by_first(work: Callable[[], T], others: Callable[[], T] | None = None) -> T:
    """Do ``work`` on the first rank; the other ranks wait until it has returned or raised, and then do ``others``.

    others: by default ``work`` as well, which then finds the files that the first rank wrote.
    """
    if not _here.together:
        return work()
    if _here.rank > 0:
        wait()
        return (others or work)()
    try:
        with alone():
            return work()
    finally:
        wait()


def wait() -> None:
    """Wait until all ranks have called this function."""
    agreed(False)


def agreed(flag: bool) -> bool:
    """Return whether the flag is set on any rank."""
    return each_agreed([flag])[0]


def each_agreed(flags: list[bool]) -> list[bool]:
    """Return for each flag whether it is set on any rank."""
    if not _here.together:
        return flags
    return [bool(flag) for flag in _reduce(torch.tensor(flags, dtype=torch.int64), dist.ReduceOp.MAX).tolist()]


def common(value: T | None) -> T | None:
    """Return this rank's value if every rank has one, otherwise None."""
    return None if agreed(value is None) else value


def told(text: str, speaker: int = 0) -> str:
    """Return the text of one rank, by default the first."""
    if not _here.together:
        return text
    said = torch.tensor(list(text.encode(errors="surrogateescape")), dtype=torch.uint8)
    size = torch.tensor(len(said))
    with _translated():
        dist.broadcast(size, speaker)
        said = said if _here.rank == speaker else torch.zeros(int(size), dtype=torch.uint8)
        dist.broadcast(said, speaker)
    return bytes(said.tolist()).decode(errors="surrogateescape")


def told_by_one(text: str) -> str:
    """Return the text of the first rank whose text is not empty; at least one must have a text."""
    return told(text, int(least(torch.tensor(_here.rank if text else _here.world))))


def check_batch(batch: int, accumulate: int, world: int | None = None) -> None:
    """Raise GanzooError if the ranks cannot share the batch evenly, or split their shares into ``accumulate`` parts."""
    world = _here.world if world is None else world
    if batch % (world * accumulate):
        near = (batch // (world * accumulate) + 1) * world * accumulate
        parts = f", each in {accumulate} parts (loop.accumulate)" if batch % world == 0 else ""
        raise GanzooError(
            f"loop.batch={batch} cannot be shared evenly by {world} devices{parts}; use loop.batch={near}"
        )


def own_cuda_device(setting: str) -> torch.device:
    """Return this rank's GPU. Raises GanzooError if ``setting`` names one GPU for all ranks or there are too few."""
    index, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if setting != "cuda":
        raise GanzooError(f"loop.device={setting} is one device for several processes; use loop.device=cuda")
    if index >= count:
        raise GanzooError(f"there are {count} CUDA devices for {index + 1} processes or more; use --devices {count}")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def equalise(modules: Iterable[torch.nn.Module]) -> None:
    """Copy the first rank's weights and buffers to all ranks, in case a plugin initialised them differently."""
    if _here.together:
        with torch.no_grad(), _translated():
            for module in modules:
                for value in module.state_dict().values():
                    whole = value.contiguous()
                    dist.broadcast(whole, 0)
                    value.copy_(whole)


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over all ranks; used for gradients after a backward pass, in flat buckets."""
    if not _here.together:
        return
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        _reduce(flat).div_(_here.world)
        for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
            tensor.copy_(part.view_as(tensor))


def total(tensor: Tensor) -> Tensor:
    """Return the sum over all ranks, without gradient."""
    return _reduce(tensor.clone()) if _here.together else tensor


def least(tensor: Tensor) -> Tensor:
    """Return the minimum over all ranks, without gradient."""
    return _reduce(tensor.clone(), dist.ReduceOp.MIN) if _here.together else tensor


def mean(tensor: Tensor) -> Tensor:
    """Return the mean over all ranks, differentiable at any order."""
    return _Sum.apply(tensor) / _here.world if _here.together else tensor


def whole_batch(rows: Tensor, count: int | None = None) -> Tensor:
    """Return the rows of all ranks in the order of one process, ``(N, ...)``, without gradient; call it on every rank.

    With a single process, return the rows themselves.

    rows: this rank's rows ``(n, ...)``. count: N, needed if the rows are not shared evenly.
    """
    if not _here.together:
        return rows
    whole = rows.new_zeros((count or len(rows) * _here.world, *rows.shape[1:]))
    whole[_here.rank :: _here.world] = rows.detach()
    return _reduce(whole)


def of_whole_batch(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Apply a function to the rows of all ranks; return this rank's rows of the result, differentiable at any order.

    For a network or penalty that mixes the samples of a batch. Every rank must call it, and computes the whole result.

    function: maps ``(N, ...)`` to a tensor with N rows. rows: this rank's rows ``(n, ...)``.
    """
    if not _here.together:
        return function(rows)
    own = slice(_here.rank, None, _here.world)
    whole = rows.new_zeros((len(rows) * _here.world, *rows.shape[1:]))
    whole[own] = rows
    return function(_Sum.apply(whole))[own]


# torch.distributed.nn.functional.all_reduce has the same gradient, but it is deprecated and does not raise RankLost.
class _Sum(torch.autograd.Function):
    """The sum over all ranks. Its gradient is the sum of the ranks' gradients, so second gradients work too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _reduce(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        result: Tensor = _Sum.apply(gradients[0])
        return result


def _reduce(tensor: Tensor, operation: Any = dist.ReduceOp.SUM) -> Tensor:
    with _translated():
        dist.all_reduce(tensor, operation)
    return tensor


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield groups of neighbouring tensors with the same dtype, of ``BUCKET`` bytes at most."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        size = sum(kept.nbytes for kept in bucket) + tensor.nbytes
        if bucket and (size > BUCKET or bucket[0].dtype != tensor.dtype):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RankLost(first) from error
