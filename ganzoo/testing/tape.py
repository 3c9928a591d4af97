"""A stand-in for CUDA graphs on machines without a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

aten = torch.ops.aten
# Operators whose result, or its shape, the host has to wait for.
HOST_READS = (
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.allclose.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.unique_consecutive.default,
    aten.bincount.default,
    aten.repeat_interleave.Tensor,
)
# Methods that move a tensor to the host. On a CPU it is there already, so they call no operator that could be seen.
HOST_COPIES = (torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.tolist)
MESSAGE = "a value was read back to the host"


class NoHostCopies(TorchFunctionMode):
    """A mode that raises RuntimeError if a tensor is copied to the host."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in HOST_COPIES:
            raise RuntimeError(MESSAGE)
        return function(*args, **(kwargs or {}))


class Tape(TorchDispatchMode):
    """A recording of operators with their tensors; its replay writes new results into the recorded result tensors.

    As in a CUDA graph, Python numbers and shapes stay as recorded, and reading a value raises RuntimeError.
    A CUDA graph's capture changes no value. Recording does, so the earlier values and rng states are restored after it.
    """

    def __init__(self, generators: list[torch.Generator]) -> None:
        super().__init__()
        self.generators = generators
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.made: set[int] = set()
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        tape = Tape(self.generators)
        states = [generator.get_state() for generator in self.generators]
        try:
            with NoHostCopies(), tape:
                work()
        finally:
            for tensor, value in tape.before.values():
                tensor.copy_(value)
            for generator, state in zip(self.generators, states, strict=True):
                generator.set_state(state)
        return tape.replay

    def forget(self) -> None:
        """Do nothing: each recording has its own tape."""

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if operator in HOST_READS or _indexes_by_mask(operator, args):
            raise RuntimeError(MESSAGE)
        # Save every input: some operators write without declaring it, as batch norm does to its running statistics.
        for tensor in tree_flatten((args, kwargs))[0]:
            if isinstance(tensor, torch.Tensor):
                place = tensor.untyped_storage().data_ptr()
                if place not in self.made and place not in self.before:
                    whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
                    self.before[place] = whole, whole.clone()
        # Record aliases: a later operator may change a tensor's shape in place (squeeze_).
        given = tree_map(_alias, (args, kwargs))
        result = operator(*args, **kwargs)
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, torch.Tensor) and not operator._schema.is_mutable and not _is_view(operator):
                self.made.add(tensor.untyped_storage().data_ptr())
        self.calls.append((operator, *given, tree_map(_alias, result)))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for operator, args, kwargs, result in self.calls:
            if _is_view(operator) or torch.Tag.inplace_view in operator.tags:
                continue
            again = operator(*args, **kwargs)
            if operator.namespace == "c10d":
                again[-1].wait()  # as the caller did
            if operator._schema.is_mutable:
                continue
            for old, new in zip(tree_flatten(result)[0], tree_flatten(again)[0], strict=True):
                if isinstance(old, torch.Tensor):
                    old.copy_(new)


def _alias(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value


def _indexes_by_mask(operator: Any, args: Any) -> bool:
    """Return whether shapes depend on a mask's values: in ``x[mask]``, but not in ``x[mask] = number``."""
    if operator not in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default):
        return False
    masks = any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return masks and (operator is aten.index.Tensor or args[2].numel() != 1)


def _is_view(operator: Any) -> bool:
    return any(value.alias_info is not None and not value.alias_info.is_write for value in operator._schema.returns)
