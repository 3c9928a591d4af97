"""One run on several devices, a process ("rank") each.

All ranks hold the same weights, the same counters and the same stream of random numbers. Of the batch that one process
would see, sample k belongs to rank ``k % world``: whatever is drawn for a batch, every rank draws whole and keeps its
own rows of, and whatever is said of a batch (a gradient, a mean) is said of all ranks' rows. So a run does not depend
on how many ranks it has, but for the order in which sums are taken; nor does what it leaves on disk, which the first
rank alone writes.

Where there is one process, as where nothing was started by ``torchrun`` or ``--devices``, nothing here does anything.
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
PATIENCE = timedelta(hours=2)  # until a rank that does not answer counts as lost; one that dies is noticed at once
BUCKET = 2**25  # bytes of gradients sent at a time: the memory that sending takes


@dataclass(frozen=True)
class Place:
    """Which rank this process is, of how many; ``together`` unless it is all by itself."""

    rank: int = 0
    world: int = 1
    together: bool = False


_here = Place()


def here() -> Place:
    """This process's place among those of its run."""
    return _here


def first() -> bool:
    """Whether this process is the one that writes and speaks for all."""
    return _here.rank == 0


@contextmanager
def joined() -> Iterator[Place]:
    """Takes the place that ``torchrun`` or ``--devices`` gave this process in its environment, if any, and leaves it.

    gloo carries what lies on the CPU, NCCL what lies on a GPU. Raises RankLost where the others do not come.
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
        dist.destroy_process_group()  # not after a failure, where it may wait for who is gone
    finally:
        _here = Place()


def _attempt() -> str:
    """What the ranks of one start have in common and those of the next have not.

    The agent that starts them anew keeps its store, with the addresses of those that have ended. It counts alike for
    all on one machine; on several ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` gives each start a store of its own.
    """
    alone = os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")
    return f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') if alone else ''}"


def restarted() -> bool:
    """Whether ``torchrun`` started all ranks anew after one had died."""
    return _here.together and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


@contextmanager
def alone() -> Iterator[None]:
    """As if there were one process: nothing in here waits for other ranks."""
    global _here
    before, _here = _here, Place()
    try:
        yield
    finally:
        _here = before


def by_first(work: Callable[[], T], others: Callable[[], T] | None = None) -> T:
    """The first rank does ``work`` alone; the others wait for it, whatever becomes of it, and then do ``others``.

    others: by default ``work`` too, which then finds what the first rank left.
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
    """Until all ranks have come here."""
    agreed(False)


def agreed(flag: bool) -> bool:
    """Whether it holds on any rank."""
    return each_agreed([flag])[0]


def each_agreed(flags: list[bool]) -> list[bool]:
    """Of each whether it holds on any rank."""
    if not _here.together:
        return flags
    return [bool(flag) for flag in _reduce(torch.tensor(flags, dtype=torch.int64), dist.ReduceOp.MAX).tolist()]


def common(value: T | None) -> T | None:
    """A value of one's own, or None unless every rank has one."""
    return None if agreed(value is None) else value


def told(text: str, speaker: int = 0) -> str:
    """What one rank says, the first unless another is named."""
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
    """What the first of those ranks says that have something to say; one has."""
    return told(text, int(least(torch.tensor(_here.rank if text else _here.world))))


def check_batch(batch: int, world: int | None = None) -> None:
    """Raises GanzooError where a batch cannot be shared out evenly."""
    world = _here.world if world is None else world
    if batch % world:
        near = batch - batch % world + world
        raise GanzooError(f"loop.batch={batch} cannot be shared evenly by {world} devices; use loop.batch={near}")


def own_cuda_device(setting: str) -> torch.device:
    """This rank's GPU. Raises GanzooError where ``setting`` names one for all, or there are too few."""
    index, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if setting != "cuda":
        raise GanzooError(f"loop.device={setting} is one device for several processes; use loop.device=cuda")
    if index >= count:
        raise GanzooError(f"there are {count} CUDA devices for {index + 1} processes or more; use --devices {count}")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def equalise(modules: Iterable[torch.nn.Module]) -> None:
    """Give all ranks the first one's weights and buffers, should a plugin have begun with others."""
    if _here.together:
        with torch.no_grad(), _translated():
            for module in modules:
                for value in module.state_dict().values():
                    whole = value.contiguous()
                    dist.broadcast(whole, 0)
                    value.copy_(whole)


def average(tensors: Sequence[Tensor]) -> None:
    """Each tensor becomes the mean of all ranks': gradients after a backward pass, in flat buckets."""
    if not _here.together:
        return
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        _reduce(flat).div_(_here.world)
        for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
            tensor.copy_(part.view_as(tensor))


def total(tensor: Tensor) -> Tensor:
    """The sum over all ranks; no gradient."""
    return _reduce(tensor.clone()) if _here.together else tensor


def least(tensor: Tensor) -> Tensor:
    """The smallest over all ranks; no gradient."""
    return _reduce(tensor.clone(), dist.ReduceOp.MIN) if _here.together else tensor


def mean(tensor: Tensor) -> Tensor:
    """The mean over all ranks, differentiable at any order."""
    return _Sum.apply(tensor) / _here.world if _here.together else tensor


def whole_batch(rows: Tensor, count: int | None = None) -> Tensor:
    """Return every rank's rows as one process would have them, ``(N, ...)``, without gradient; every rank must call it.

    With one process, the rows themselves.

    rows: this rank's, ``(n, ...)``. count: N, if the rows are not shared evenly.
    """
    if not _here.together:
        return rows
    whole = rows.new_zeros((count or len(rows) * _here.world, *rows.shape[1:]))
    whole[_here.rank :: _here.world] = rows.detach()
    return _reduce(whole)


def of_whole_batch(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Apply a function to every rank's rows and return this rank's rows of the result, differentiable at any order.

    For a network or penalty that mixes the samples of a batch. Every rank must call it, and computes all of it.

    function: maps ``(N, ...)`` to a tensor with N rows. rows: this rank's, ``(n, ...)``.
    """
    if not _here.together:
        return function(rows)
    own = slice(_here.rank, None, _here.world)
    whole = rows.new_zeros((len(rows) * _here.world, *rows.shape[1:]))
    whole[own] = rows
    return function(_Sum.apply(whole))[own]


# torch.distributed.nn.functional.all_reduce has this gradient too, but it is deprecated and raises no RankLost.
class _Sum(torch.autograd.Function):
    """The sum over all ranks. Its gradient is the sum of theirs, so a gradient of a gradient works as well."""

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
    """Neighbours of one kind, up to so many bytes."""
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
