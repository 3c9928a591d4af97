"""The way back from training that went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import TrainingFailed
from ganzoo.training.anomalies import Fault
from ganzoo.training.state import restore

if TYPE_CHECKING:
    from ganzoo.training.loop import Loop


def roll_back(loop: Loop, fault: Fault) -> None:
    """Go back to the newest good checkpoint, to go on with another data order and half the learning rate.

    Raises TrainingFailed where ``loop.on_nan`` or ``loop.max_rollbacks`` does not let it.
    """
    settings, counters = loop.settings, loop.counters
    good = loop.folder.newest_good(loop.warn)
    if good is None or settings.on_nan == "stop" or counters.rollbacks >= settings.max_rollbacks:
        raise TrainingFailed(str(fault), str(loop.config.recipe), good.path if good else None, counters.rollbacks)
    rollbacks, seconds = counters.rollbacks + 1, counters.seconds
    restore(loop, good, rollbacks=rollbacks)
    loop.counters.seconds = seconds
    loop.steps.forget()
    said = f"{fault}; rollback {rollbacks} of {settings.max_rollbacks}: back to {good.path.name}, "
    said += f"learning rate x{0.5**rollbacks:g}, another data order"
    loop.faults.append(said)
    loop.warn(said)
