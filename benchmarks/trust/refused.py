"""Writes that fail: injected errors at every kind of write, and a disk that is really full."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
from collections.abc import Iterator

from campaign import Campaign, Row, plain
from moments import Moment, refuse
from scene import Ended


def refused(campaign: Campaign, most: int | None) -> Iterator[Row]:
    """Let each kind of write to each kind of file fail once, with ENOSPC and EIO in turn, and resume the run.

    Yields a row for each kind of file. most: only this many of the writes, chosen at random.
    """
    kinds: dict[tuple[str, str], list[Moment]] = {}
    for moment in campaign.seen:
        if moment.operation != "remove":  # a run may ignore that it cannot remove a file
            kinds.setdefault((moment.kind, moment.operation), []).append(moment)
    numbers = itertools.cycle((errno.ENOSPC, errno.EIO))
    picked = [(moments[len(moments) // 2], next(numbers)) for moments in kinds.values()]
    if most is not None:
        picked = campaign.random.sample(picked, min(most, len(picked)))
    rows: dict[str, Row] = {}
    for moment, number in picked:
        scene = campaign.scene()
        ended = scene.child(lambda m=moment, n=number, s=scene: campaign.write_at(s, m, refuse(n)))
        row = rows.setdefault(moment.kind, Row("refused", moment.kind, 0, "", 0))
        row.times += 1
        problem = _badly_said(ended, number)
        if problem:
            campaign.say(f"{moment}, {os.strerror(number)}: {problem}")
        row.said = max(row.said, f"exit {ended.code}: {plain(ended.said, scene)}" if ended.code else "", key=len)
        row.lost += campaign.lost(scene) or bool(problem)
        campaign.say(f"{moment}, {os.strerror(number)}: {ended.code}")
    for row in rows.values():
        row.said = row.said or "went on without it"
        yield row


def _badly_said(ended: Ended, number: int) -> str:
    """Return what is wrong with the report of a failed write; "" if it is correct or the run did not fail."""
    if ended.code == 0:
        return ""
    if ended.code != 2 or "cannot " not in ended.said or os.strerror(number) not in ended.said:
        return f"exit {ended.code}, said: {ended.printed}"
    return ""


def full_disk(campaign: Campaign) -> Iterator[Row]:
    """Run on a disk of 300 KiB until it is full, enlarge the disk and resume the run.

    Yields one row, or none if no disk can be mounted.
    """
    scene = campaign.scene()
    scene.run.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(scene.run)]
    if subprocess.run(mount, capture_output=True).returncode:
        campaign.say("no disk can be mounted here: only injected errors")
        return
    try:
        ended = scene.child(scene.command)
        lost = int(ended.code != 2 or "No space left on device" not in ended.said)
        subprocess.run(["mount", "-o", "remount,size=16m", str(scene.run)], check=True)
        again = scene.child(scene.command)
        lost = lost or int(again.code != 0 or campaign.fingerprint(scene, scene.run) != campaign.expected)
    finally:
        subprocess.run(["umount", str(scene.run)], check=True)
    yield Row("refused", "a disk of 300 KiB that is full", 1, f"exit {ended.code}: {plain(ended.said, scene)}", lost)
