"""Frozen weights, which training does not change."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Module = TypeVar("Module", bound=nn.Module)


def frozen(module: Module, *, persistent: bool) -> Module:
    """Turn every parameter of a module into a buffer and return the module.

    persistent: whether checkpoints hold the buffers. Buffers still change device and dtype with the network, but
    ``requires_grad_(True)``, optimizers and weight clipping do not reach them.
    """
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())
        for name, buffer in list(part.named_buffers(recurse=False)):
            part.register_buffer(name, buffer, persistent=persistent)
        if isinstance(part, _BatchNorm) and not persistent:
            part.track_running_stats = False  # otherwise loading expects the batch count
    return module
