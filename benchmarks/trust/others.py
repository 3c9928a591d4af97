"""Other faults: a second process, SIGTERM, clocks that jump."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator

from campaign import Campaign, Row, plain
from moments import Phase
from scene import Scene, StandIn

from ganzoo.training.loop import Loop
from ganzoo.utils.lock import alone_in

GRACE = 10.0  # seconds that a cluster waits at least after SIGTERM


def others(campaign: Campaign) -> Iterator[Row]:
    """Yield the rows for a second process in a run's directory, SIGTERM, and clocks that jump."""
    yield _two_processes(campaign)
    for where, slow in (("within a step", False), ("within a metric run", True)):
        yield _sigterm(campaign, where, slow)
    for jump in ("back", "to and fro"):
        scene = campaign.scene()
        ended = scene.child(lambda j=jump, s=scene: _with_clock(j, s.command))
        lost = int(ended.code != 0) or campaign.lost(scene)
        yield Row("clock", f"jumps {jump} at every look", 1, "", lost)


def _two_processes(campaign: Campaign) -> Row:
    scene = campaign.scene()

    def both() -> int:
        scene.run.mkdir()
        with alone_in(scene.run):
            second = Scene(scene.place, campaign.registry, "second.txt").child(scene.command)
            print(second.printed)
            return second.code

    ended = scene.child(both)
    wrong = ended.code != 2 or "is in use by process" not in ended.said
    return Row("second process", "on one run directory", 1, f"exit {ended.code}: {plain(ended.said, scene)}",
               int(wrong) or campaign.lost(scene))  # fmt: skip


def _sigterm(campaign: Campaign, where: str, slow: bool) -> Row:
    scene, phase = campaign.scene(), Phase()

    def run() -> int:
        StandIn.pause = 60.0 if slow else 0.0
        phase.mark(Loop, "iteration", "within a step")
        phase.mark(Loop, "_score", "within a metric run")
        return scene.command()

    ended = scene.child(run, after=0.01, send=signal.SIGTERM, ready=lambda: phase.read() == where)
    wrong = ended.code != 75 or ended.seconds > GRACE
    said = f"exit {ended.code} after {ended.seconds:.1f} s: {plain(ended.said, scene)}"
    return Row("SIGTERM", where, 1, said, int(wrong) or campaign.lost(scene, logs=False))  # a stop logs once more


def _with_clock(jump: str, command: Callable[[], int]) -> int:
    moves, real, real_ns = random.Random(0), time.time, time.time_ns
    state = {"by": 0.0}

    def by() -> float:
        state["by"] = state["by"] - 86400 if jump == "back" else moves.uniform(-3e8, 3e8)
        return state["by"]

    time.time = lambda: real() + by()
    time.time_ns = lambda: real_ns() + int(by() * 1e9)
    return command()
