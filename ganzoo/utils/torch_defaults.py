"""Compute with torch's own defaults in a program that has changed them. torch is imported on use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Make tensors float32 and on the CPU by default, and record gradients, as in a new process; restore all of it.

    A program may have called ``torch.set_default_dtype`` or ``torch.set_default_device``, or call this in
    ``torch.no_grad`` or ``torch.inference_mode``. With another default dtype a seed would draw other numbers. It also
    decorates functions.
    """
    import torch

    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    on_cpu = nullcontext() if device.type == "cpu" else torch.device("cpu")
    torch.set_default_dtype(torch.float32)
    try:
        with on_cpu, torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
