"""Where a run computes, and in which precision."""

from __future__ import annotations

import ctypes
import sys

import torch

from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError


def device_or_auto(device: torch.device | str | None) -> torch.device:
    """The device that a program names; None is ``auto`` of :func:`pick_device`."""
    return pick_device("auto") if device is None else torch.device(device)


def pick_device(setting: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; of several ranks each takes a CUDA device of its own.

    Raises GanzooError where it is not there.
    """
    if setting == "auto":
        setting = "cuda" if torch.cuda.is_available() else "cpu"
    if collectives.here().together and setting.startswith("cuda"):
        return collectives.own_cuda_device(setting)
    device = torch.device(setting)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise GanzooError(
            f"loop.device={setting}: there are {torch.cuda.device_count()} CUDA devices; use loop.device=cpu"
        )
    return device


def wants_bf16(setting: str, device: torch.device) -> bool:
    """Whether to compute in bf16; ``auto``: where the device has it."""
    return has_bf16(device) if setting == "auto" else setting == "bf16"


def has_bf16(device: torch.device) -> bool:
    """Whether its convolutions gain from bf16: CUDA devices and CPUs with instructions for it (AVX512-BF16, AMX)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")


def _cpu_has(name: str) -> bool:
    asked = getattr(torch.cpu, name, None)  # not in every version of torch
    return bool(asked and asked())


def prepare_process() -> None:
    """What makes this process fit for training and scoring; the arithmetic of other code in it hardly notices.

    Numbers too small for float32's full precision count as 0, in this thread and those it starts later. A discriminator
    that wins leaves a saturated loss with such gradients, and squares of them in Adam's moments: a CPU then trained at
    less than half the speed.
    """
    torch.set_flush_denormal(True)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have the C library keep what is freed, up to 32 MiB a block, instead of giving it back to the system.

    A step frees and takes the same blocks again and again, and each time the system hands out fresh pages, zeroed one
    by one: a fifth of a small network's step on a CPU. Only glibc is asked; elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # the names in malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((mmap_threshold, 32 << 20), (trim_threshold, 2**31 - 1), (top_pad, 64 << 20)):
        mallopt(option, value)
