"""How far a run is: what it has counted, and marks along the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass
class Counters:
    """Images shown, steps of each network, seconds of training, rollbacks (see :mod:`ganzoo.training.anomalies`)."""

    shown: int = 0
    steps_d: int = 0
    steps_g: int = 0
    seconds: float = 0.0
    rollbacks: int = 0


def read_counters(noted: Mapping[str, object]) -> Counters:
    """As they were noted down. Raises ValueError or TypeError where a checkpoint holds anything else."""
    counters = Counters(**noted)  # type: ignore[arg-type]
    for item in fields(counters):
        value, kinds = getattr(counters, item.name), (int, float) if item.name == "seconds" else (int,)
        if not isinstance(value, kinds) or not 0 <= value < 2**63:
            raise ValueError(f"{item.name} is {value!r}")
    return counters


class Marks:
    """Multiples of an interval in kimg, each reported once; ``inf`` for none. ``shown``: images so far."""

    def __init__(self, kimg: float, shown: int) -> None:
        self.interval = kimg * 1000
        self.next = (shown // self.interval + 1) * self.interval if kimg != math.inf else math.inf

    def passed(self, shown: int) -> bool:
        """Whether the next one has been reached."""
        if shown < self.next:
            return False
        self.next = (shown // self.interval + 1) * self.interval
        return True
