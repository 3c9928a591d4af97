"""Measure the cost of communication between the processes of one run: the time to average a tensor over them.

torchrun --standalone --nproc-per-node 2 benchmarks/speed/ranks.py [cpu | cuda]
"""

from __future__ import annotations

import sys
import time

import torch

from ganzoo.distributed import collectives
from ganzoo.distributed.device import pick_device

SIZES = (4 * 2**10, 2**20, 32 * 2**20)  # of the tensor, in bytes
REPEATS = 10


def seconds(size: int, device: torch.device) -> float:
    """Return the median seconds of averaging one float32 tensor of ``size`` bytes."""
    tensor = torch.ones(size // 4, device=device)
    found = []
    for _ in range(REPEATS + 1):  # the first one sets up the connections
        collectives.wait()
        begun = time.perf_counter()
        collectives.average([tensor])
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - begun)
    return sorted(found[1:])[REPEATS // 2]


def main() -> None:
    with collectives.joined() as place:
        device = pick_device(sys.argv[1] if len(sys.argv) > 1 else "auto")
        for size in SIZES:
            each = seconds(size, device)
            if place.rank == 0:
                print(f"{place.world} processes, {device.type}, {size:>11,} bytes: {each * 1e3:8.3f} ms")


if __name__ == "__main__":
    main()
