"""The device of a run, its precision and its memory layout."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError

N = TypeVar("N", bound=nn.Module)


def device_or_auto(device: torch.device | str | None) -> torch.device:
    """Return the device that a program names; for None and "auto", the one of ``pick_device("auto")``.

    Raises GanzooError if the device is not available.
    """
    return pick_device("auto") if device in (None, "auto") else _available(device)


def pick_device(setting: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``; each rank has its own CUDA device.

    ``auto`` is the first available device of CUDA, MPS (Apple silicon, for a single process) and the CPU. Raises
    GanzooError if the device is not available.
    """
    together = collectives.here().together
    if setting == "auto":
        mps = torch.backends.mps.is_available() and not together
        setting = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if together and setting.startswith("cuda"):
        return collectives.own_cuda_device(setting)
    device = _available(setting)
    if device.type == "mps" and together:
        raise GanzooError("device mps: it is one device for several processes; use cpu")
    return device


def _available(named: torch.device | str) -> torch.device:
    """Return a device by its name. Raises GanzooError if this machine does not have it."""
    try:
        device = torch.device(named)
    except (RuntimeError, TypeError) as error:
        raise GanzooError(f"device {named}: unknown; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise GanzooError(f"device {named}: it is not supported; use auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise GanzooError("device mps: this machine has no MPS device; use cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise GanzooError(f"device {named}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


def wants_bf16(setting: str, device: torch.device) -> bool:
    """Return whether to compute in bf16; ``auto``: if the device supports it. Raises GanzooError for bf16 on MPS."""
    _check_precision(setting, device)
    return has_bf16(device) if setting == "auto" else setting == "bf16"


def wants_fp16(setting: str, device: torch.device) -> bool:
    """Return whether to compute in fp16; ``auto``: on CUDA devices with tensor cores but no bf16 (capability 7.x).

    Raises GanzooError for fp16 on MPS.
    """
    _check_precision(setting, device)
    if setting != "auto":
        return setting == "fp16"
    return device.type == "cuda" and not has_bf16(device) and torch.cuda.get_device_capability(device) >= (7, 0)


def precision_of(setting: str, device: torch.device) -> str:
    """Return the precision of a training: "bf16", "fp16" or "float32". Raises as :func:`wants_bf16`."""
    return "bf16" if wants_bf16(setting, device) else "fp16" if wants_fp16(setting, device) else "float32"


def _check_precision(setting: str, device: torch.device) -> None:
    if device.type == "mps" and setting in ("bf16", "fp16"):
        raise GanzooError(f"loop.precision={setting}: runs on mps compute in float32; use loop.precision=float32")


def has_bf16(device: torch.device) -> bool:
    """Return whether bf16 makes convolutions faster: on CUDA devices and CPUs with bf16 instructions.

    For CPUs these are AVX512-BF16 and AMX. False on MPS.
    """
    if device.type == "mps":
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")


def accumulator(device: torch.device) -> torch.dtype:
    """Return the dtype for long sums on a device: float64, or float32 on MPS, which has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def with_float64(device: torch.device) -> torch.device:
    """Return the device for work in float64: the device itself, or the CPU if the device has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def memory_format(device: torch.device | str, layout: str = "auto") -> torch.memory_format:
    """Return the order of the images' dimensions in memory: ``channels_last``, ``contiguous`` or ``auto``.

    ``auto`` is ``channels_last``, with which convolutions are fastest on most devices. On MPS, which was not measured,
    it is ``contiguous``, which every operator supports.
    """
    if layout == "auto":
        layout = "contiguous" if torch.device(device).type == "mps" else "channels_last"
    return torch.channels_last if layout == "channels_last" else torch.contiguous_format


def placed(network: N, device: torch.device | str, layout: str = "auto") -> N:
    """Move a network to a device, in the layout that :func:`memory_format` returns for it."""
    return network.to(device).to(memory_format=memory_format(device, layout))


@contextmanager
def threads(number: int | None = None) -> Iterator[None]:
    """Compute with this number of CPU threads during the block; None: as before. Restore the number at the end."""
    before = torch.get_num_threads()
    try:
        use_threads(number)
        yield
    finally:
        use_threads(before)


def use_threads(number: int | None) -> None:
    """Compute with this number of CPU threads from now on; None: as before."""
    if number not in (None, torch.get_num_threads()):
        torch.set_num_threads(number)


@contextmanager
def missing_operators_named() -> Iterator[None]:
    """Raise a one-line GanzooError if torch lacks an operator on the device."""
    try:
        yield
    except NotImplementedError as error:
        found = re.search(r"operator '([\w:.]+)' is not currently implemented for the (\w+) device", str(error))
        if found is None:
            raise
        name, device = found[1], found[2].lower()
        raise GanzooError(
            f"this version of torch has no operator {name} for the device {device}; set PYTORCH_ENABLE_MPS_FALLBACK=1 "
            "to run such operators on the CPU, or use loop.device=cpu"
        ) from error


def _cpu_has(name: str) -> bool:
    asked = getattr(torch.cpu, name, None)  # not in every version of torch
    return bool(asked and asked())


def prepare_process() -> None:
    """Configure this process for training and scoring; other code in it is hardly affected.

    Flush denormal float32 numbers to 0, in this thread and in threads that it starts later. When the discriminator wins
    and its loss saturates, such numbers appear in the gradients, and their squares in Adam's moments; on a CPU,
    training then ran at less than half the speed.
    """
    torch.set_flush_denormal(True)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory, in blocks of up to 32 MiB, instead of returning it to the system.

    Each step frees and allocates the same blocks. Otherwise the system would provide new pages every time and zero
    them, which took a fifth of a small network's step on a CPU. Other C libraries are not changed.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # M_TRIM_THRESHOLD and so on in malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((mmap_threshold, 32 << 20), (trim_threshold, 2**31 - 1), (top_pad, 64 << 20)):
        mallopt(option, value)
