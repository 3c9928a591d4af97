"""SIGKILL at random moments, and during writes to every kind of file."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from campaign import Campaign, Row
from moments import Disk, Moment, Phase, die
from scene import Scene

import ganzoo.data.cache
import ganzoo.training.loop
import ganzoo.training.state
from ganzoo.bench import harness, work
from ganzoo.training.loop import Loop

PLACES: dict[tuple[Any, str], str] = {
    (ganzoo.data.cache, "_write"): "building the data cache",
    (Loop, "iteration"): "within a step",
    (Loop, "_log"): "writing the log",
    (ganzoo.training.state, "write_checkpoint"): "writing a checkpoint",
    (ganzoo.training.loop, "take_images"): "writing samples",
    (Loop, "_score"): "within a metric run",
    (work, "write_record"): "writing a record",
    (harness.Harness, "_publish"): "writing a record",
}


def kills(campaign: Campaign, count: int) -> Iterator[Row]:
    """Kill runs ``count`` times, each run up to six times. Yield a row for each place where a run was killed.

    Every second kill is during a write. The others are after a random processor time, or as soon as the run is at one
    of PLACES. Ctrl-C ends the campaign; the rows then have the kills so far.
    """
    killed: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):
        _kill(campaign, count, killed, lost)
    for name in sorted(killed):
        yield Row("killed", name, killed[name], "", lost[name])


def _kill(campaign: Campaign, count: int, killed: Counter[str], lost: Counter[str]) -> None:
    done = 0
    while done < count:
        scene, phase = campaign.scene(), Phase()
        where: list[str] = []
        while done < count and len(where) < 6:
            at = _draw_moment(campaign) if done % 2 else None
            place = campaign.random.choice(["", *PLACES.values()])
            after = None if at else 0.0 if place else campaign.random.uniform(0.0, campaign.seconds)
            phase.set("")
            ended = scene.child(
                partial(_killable, scene, phase, at),
                after=after,
                ready=lambda place=place, phase=phase: place in ("", phase.read()),
            )
            if ended.code == 0:  # the run ended before the kill
                break
            where.append(f"within a write: {at.kind}" if at else phase.read() or "starting")
            done += 1
            if ended.code != -signal.SIGKILL:
                lost[where[-1]] += 1
                campaign.say(f"LOST in {scene.place}: {ended.printed}")
        ended = scene.child(scene.benchmark)
        wrong = ended.code != 0 or campaign.fingerprint(scene, scene.row) != campaign.expected_in_grid
        for name in where:
            killed[name] += 1
            lost[name] += wrong
        if wrong:
            campaign.say(f"LOST in {scene.place} after {where}: {ended.printed}")
        else:
            shutil.rmtree(scene.place)
        campaign.say(f"{done} of {count} killed")


def _draw_moment(campaign: Campaign) -> Moment:
    """Return a random moment at which the grid changes a file. All kinds of files are equally likely."""
    kind = campaign.random.choice(sorted({moment.kind for moment in campaign.seen_in_grid}))
    return campaign.random.choice([moment for moment in campaign.seen_in_grid if moment.kind == kind])


def _killable(scene: Scene, phase: Phase, at: Moment | None) -> int:
    for (owner, name), place in PLACES.items():
        phase.mark(owner, name, place)
    if at is not None:
        Disk(scene.place, at, die).install()
    return scene.benchmark()
