"""How long the commands that need no torch take: ``python benchmarks/startup.py``. The median of eleven, in seconds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = ("--help", "list", "info dcgan", "plugins")
REPEATS = 11


def seconds(command: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "ganzoo", *command.split()], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    for command in COMMANDS:
        print(f"ganzoo {command:12} {statistics.median(seconds(command) for _ in range(REPEATS)):.2f}")


if __name__ == "__main__":
    main()
