"""Weights that no step of training changes."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Module = TypeVar("Module", bound=nn.Module)


def frozen(module: Module, *, persistent: bool) -> Module:
    """The module itself, every parameter turned into a buffer; ``persistent``: kept in checkpoints.

    As buffers they move and change their type with the network, and no ``requires_grad_(True)``, optimizer or clipping
    of weights reaches them.
    """
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach())
        for name, buffer in list(part.named_buffers(recurse=False)):
            part.register_buffer(name, buffer, persistent=persistent)
        if isinstance(part, _BatchNorm) and not persistent:
            part.track_running_stats = False  # a checkpoint would be asked for the count of batches
    return module
