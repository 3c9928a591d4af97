"""Where a run computes, and in which precision."""

from __future__ import annotations

import torch

from ganzoo.errors import GanzooError


def pick_device(setting: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. Raises GanzooError where it is not there."""
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(setting)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise GanzooError(
            f"loop.device={setting}: there are {torch.cuda.device_count()} CUDA devices; use loop.device=cpu"
        )
    return device


def wants_bf16(setting: str, device: torch.device) -> bool:
    """Whether to compute in bf16.

    ``auto``: on CUDA devices that have it and on CPUs with AMX. AVX512-BF16 alone does not count: with the
    small convolutions of these networks it was measured slower than float32.
    """
    if setting != "auto":
        return setting == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return _cpu_has("_is_amx_tile_supported")


def has_bf16(device: torch.device) -> bool:
    """Whether large convolutions gain from bf16 there."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")


def _cpu_has(name: str) -> bool:
    asked = getattr(torch.cpu, name, None)  # not in every version of torch
    return bool(asked and asked())


def flush_denormals() -> None:
    """Count numbers too small for float32's full precision as 0, in this thread and those it starts later.

    A discriminator that wins leaves a saturated loss with such gradients, and squares of them in Adam's moments:
    a CPU then trained at less than half the speed.
    """
    torch.set_flush_denormal(True)
