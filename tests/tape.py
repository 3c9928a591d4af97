"""A stand-in for CUDA graphs where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

HOST_READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)


class Tape(TorchDispatchMode):
    """Notes every operator with the very tensors it was given, and runs them again into the tensors they gave.

    As in a CUDA graph, Python's numbers stay what they were at recording, shapes too, and reading a value fails.
    A graph's capture does nothing; to leave nothing done, all that existed before is put back.
    """

    def __init__(self, generators: list[torch.Generator]) -> None:
        super().__init__()
        self.generators, self.calls = generators, []
        self.made: set[int] = set()
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        tape = Tape(self.generators)
        states = [generator.get_state() for generator in self.generators]
        try:
            with tape:
                work()
        finally:
            for tensor, value in tape.before.values():
                tensor.copy_(value)
            for generator, state in zip(self.generators, states, strict=True):
                generator.set_state(state)
        return tape.replay

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if operator in HOST_READS:
            raise RuntimeError("a value was read back to the host")
        # Whatever it is given, as some operators write without saying so: batch norm its running statistics.
        for tensor in tree_flatten((args, kwargs))[0]:
            if isinstance(tensor, torch.Tensor):
                place = tensor.untyped_storage().data_ptr()
                if place not in self.made and place not in self.before:
                    whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
                    self.before[place] = whole, whole.clone()
        result = operator(*args, **kwargs)
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, torch.Tensor) and not operator._schema.is_mutable and not _is_view(operator):
                self.made.add(tensor.untyped_storage().data_ptr())
        self.calls.append((operator, args, kwargs, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for operator, args, kwargs, result in self.calls:
            if _is_view(operator):
                continue
            again = operator(*args, **kwargs)
            if operator._schema.is_mutable:
                continue
            for old, new in zip(tree_flatten(result)[0], tree_flatten(again)[0], strict=True):
                if isinstance(old, torch.Tensor):
                    old.copy_(new)


def _is_view(operator: Any) -> bool:
    return any(value.alias_info is not None and not value.alias_info.is_write for value in operator._schema.returns)
