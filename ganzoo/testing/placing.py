"""The check that a part's tensors lie on the run's device, which a CPU alone does not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

from ganzoo.testing.resuming import parts_of
from ganzoo.testing.training import Trainable
from ganzoo.testing.verdict import Failure
from ganzoo.training.loop import Loop
from ganzoo.utils.places import place_of

ITERATIONS = 2
MADE = {
    torch.tensor, torch.as_tensor, torch.empty, torch.zeros, torch.ones, torch.full, torch.arange,
    torch.linspace, torch.logspace, torch.eye, torch.rand, torch.randn, torch.randint, torch.randperm,
}  # fmt: skip
# What a GPU accepts with one tensor on the CPU: copies, indices, and functions that read only a shape or a dtype.
MIXED = {
    Tensor.copy_, Tensor.__getitem__, Tensor.__setitem__, Tensor.type_as, Tensor.view_as, Tensor.reshape_as,
    Tensor.expand_as, Tensor.new_tensor,
}  # fmt: skip


class Placed(TorchFunctionMode):
    """A mode in which a tensor counts as on the CPU if it is made without ``device=`` or only from such tensors.

    All other tensors count as on the run's device. Raises Failure if an operation needs both on one device, as torch
    does on a GPU. A single number (``()``) may be on the CPU.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        host, others = [t for t in given if _on_cpu(t)], [t for t in given if not _on_cpu(t)]
        if function is Tensor.to and host:
            return _moved(function(*args, **kwargs), args[1:], kwargs)
        if host and others and function not in MIXED and any(tensor.ndim for tensor in host):
            name = getattr(function, "__name__", str(function))
            raise Failure(f"{name} combines a tensor on the CPU with tensors on the run's device")
        result = function(*args, **kwargs)
        made = not given and function in MADE and kwargs.get("device") is None
        if made or (host and not others):
            for tensor in tree_flatten(result)[0]:
                if isinstance(tensor, Tensor):
                    mark(tensor)
        return result


def mark(tensor: Tensor) -> None:
    """Let a tensor count as on the CPU."""
    tensor.__dict__["_made_on_cpu"] = True


def _on_cpu(tensor: Tensor) -> bool:
    return "_made_on_cpu" in tensor.__dict__


def _moved(result: Tensor, args: Any, kwargs: Any) -> Tensor:
    """Return the result of ``to``, on the run's device if it was given a device or another tensor."""
    places = [value for value in (*args, *kwargs.values()) if isinstance(value, (torch.device, str, Tensor))]
    if not places:
        mark(result)
        return result
    return result.view_as(result)  # another object, without the mark


def one_device(part: Trainable) -> None:
    """Check that a step combines no tensor on the CPU with tensors on the run's device."""
    loop = part.loop()
    for name in _left_behind(loop):
        raise Failure(f"{name} is a tensor outside parameters and buffers, which stays on the CPU; use register_buffer")
    try:
        with Placed():
            for _ in range(ITERATIONS):
                loop.iteration()
    except Failure as error:
        raise Failure(
            f"{error}{place_of(error)}; make it with device=x.device or ones_like(x), or keep it with register_buffer"
        ) from error


def _left_behind(loop: Loop) -> Iterator[str]:
    """Yield the names of the parts' tensors that moving a module to a device leaves where they are."""
    for title, part in parts_of(loop):
        for prefix, module in part.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor) and value.ndim:
                    yield f"{title}'s {f'{prefix}.' if prefix else ''}{name}"
