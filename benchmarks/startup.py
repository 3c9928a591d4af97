"""Measure the start-up time of commands: ``python benchmarks/startup.py``.

Prints the seconds of the commands that do not need torch, and of a dry run compared with a bare ``import torch``. Each
figure is the median of eleven measurements.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = ("--help", "list", "info dcgan", "plugins")
DRY_RUN = "run dcgan+wgan-gp --dry-run"
REPEATS = 11


def seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def ganzoo(command: str) -> float:
    return seconds("-m", "ganzoo", *command.split())


def main() -> None:
    for command in COMMANDS:
        print(f"ganzoo {command:12} {statistics.median(ganzoo(command) for _ in range(REPEATS)):.2f}")
    pairs = [(seconds("-c", "import torch"), ganzoo(DRY_RUN)) for _ in range(REPEATS)]
    bare, dry = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(dry / bare for bare, dry in pairs)
    print(f"ganzoo {DRY_RUN} {dry:.2f}, import torch {bare:.2f}, ratio of the pairs {ratio:.2f}")


if __name__ == "__main__":
    main()
