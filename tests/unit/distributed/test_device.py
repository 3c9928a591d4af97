"""The settings of a process before it trains, and the precision that ``auto`` picks."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from ganzoo.distributed.device import has_bf16, wants_bf16

pytestmark = pytest.mark.seconds

CPU = torch.device("cpu")

KEPT = """
import ctypes, resource, sys, torch
from ganzoo.distributed.device import prepare_process
if sys.argv[1] == "prepared":
    prepare_process()
class Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]
mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Mallinfo
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 2**20
def work():
    # As in a step: much is held at once, and then nothing. More than the 64 MiB that glibc would keep at most.
    return [torch.empty(3 * 2**20, dtype=torch.uint8).fill_(1) for _ in range(40)]
before = mallinfo().hblkhd
block = torch.empty(24 * 2**20, dtype=torch.uint8)
print((mallinfo().hblkhd - before) // 2**20)
del block
before = resident()
for _ in range(3):
    work()
print(resident() - before)
print(float(torch.tensor(1e-30) * torch.tensor(1e-10)))
"""


def observed(state: str) -> tuple[int, int, float]:
    """Return, from a new process: the MiB that glibc maps separately for a block of 24 MiB, and so returns to the
    system when it is freed; the MiB still held after 120 MiB were allocated and freed; and a denormal product."""
    done = subprocess.run([sys.executable, "-c", KEPT, state], capture_output=True, text=True, check=True)
    mapped, kept, product = done.stdout.split()
    return int(mapped), int(kept), float(product)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is asked")
def test_a_prepared_process_keeps_its_memory_and_drops_denormals() -> None:
    plain, prepared = observed("plain"), observed("prepared")
    assert prepared[0] == 0 < 24 <= plain[0]
    assert prepared[1] > 110  # how much a plain process keeps depends on the addresses of its other blocks
    assert prepared[2] == 0.0 < plain[2]


@pytest.mark.parametrize("capable", ["_is_avx512_bf16_supported", "_is_amx_tile_supported"])
def test_auto_is_bf16_where_the_cpu_has_instructions_for_it(monkeypatch: pytest.MonkeyPatch, capable: str) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == capable, raising=False)
    assert has_bf16(CPU) and wants_bf16("auto", CPU) and not wants_bf16("float32", CPU)


def test_auto_is_float32_where_it_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not wants_bf16("auto", CPU) and wants_bf16("bf16", CPU)
