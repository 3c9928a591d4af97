"""The progress of a run: its counters, and marks at intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass
class Counters:
    """The images shown, steps of each network, seconds of training, and rollbacks after faults in training."""

    shown: int = 0
    steps_d: int = 0
    steps_g: int = 0
    seconds: float = 0.0
    rollbacks: int = 0


def read_counters(noted: Mapping[str, object]) -> Counters:
    """Return the counters that a checkpoint holds. Raises ValueError or TypeError if it holds anything else."""
    counters = Counters(**noted)  # type: ignore[arg-type]
    for item in fields(counters):
        value, kinds = getattr(counters, item.name), (int, float) if item.name == "seconds" else (int,)
        if not isinstance(value, kinds) or not 0 <= value < 2**63:
            raise ValueError(f"{item.name} is {value!r}")
    return counters


class Marks:
    """The multiples of an interval in kimg, each reported once; none if it is ``inf``. ``shown``: images so far."""

    def __init__(self, kimg: float, shown: int) -> None:
        self.interval = kimg * 1000
        self.next = (shown // self.interval + 1) * self.interval if kimg != math.inf else math.inf

    def passed(self, shown: int) -> bool:
        """Return whether the next mark has been reached, and move on to the one after it."""
        if shown < self.next:
            return False
        self.next = (shown // self.interval + 1) * self.interval
        return True
