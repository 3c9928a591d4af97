"""How far a run has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counters:
    """Pictures shown, steps of each network, seconds of training, rollbacks (see :mod:`ganzoo.faults`)."""

    shown: int = 0
    steps_d: int = 0
    steps_g: int = 0
    seconds: float = 0.0
    rollbacks: int = 0
