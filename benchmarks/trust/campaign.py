"""Disturbed runs, each compared with an undisturbed one, and the rows of a table about them."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from moments import Disk, Moment
from scene import Scene, make_images, read_json

from ganzoo.plugin.registry import Registry


@dataclass
class Row:
    """One row of a table.

    what, where: the fault and its place. times: how often it was caused. said: the message. lost: how many runs were
    lost.
    """

    what: str
    where: str
    times: int
    said: str
    lost: int


class Campaign:
    """A campaign of disturbed runs, compared with an undisturbed run and an undisturbed grid."""

    def __init__(
        self, place: Path, seed: int, registry: Registry, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.place, self.random, self.registry, self.say = place, random.Random(seed), registry, say
        make_images(place / "images")
        self._number = 0
        self.alone = self.scene()
        self.seen = self._census(self.alone, self.alone.command, "run.json")
        self.alone_in_grid = self.scene()  # a new scene, so that it builds its own caches
        self.seen_in_grid = self._census(self.alone_in_grid, self.alone_in_grid.benchmark, "grid.json")
        self.expected = self.fingerprint(self.alone, self.alone.run)
        self.expected_in_grid = self.fingerprint(self.alone_in_grid, self.alone_in_grid.row)

    def scene(self) -> Scene:
        self._number += 1
        return Scene(self.place / f"scene-{self._number:03d}", self.registry)

    def _census(self, scene: Scene, work: Callable[[], int], name: str) -> list[Moment]:
        """Return every moment at which an undisturbed run changes a file. Set ``seconds`` to its processor time.

        Raises SystemExit if the run fails.
        """
        out = scene.place / name

        def watched() -> int:
            disk = Disk(scene.place).install()
            code, seen = work(), [asdict(moment) for moment in disk.seen]
            out.write_text(json.dumps({"seen": seen, "seconds": time.process_time()}))
            return code

        ended = scene.child(watched)
        if ended.code:
            raise SystemExit(f"the undisturbed run failed: {ended.printed}")
        found = read_json(out)
        self.seconds = found["seconds"]
        return [Moment(**moment) for moment in found["seen"]]

    def fingerprint(self, scene: Scene, run: Path) -> str:
        out = scene.place / "fingerprint"
        out.unlink(missing_ok=True)
        ended = scene.child(lambda: int(not out.write_text(scene.fingerprint(run))))
        return out.read_text() if ended.code == 0 else ended.said

    def lost(self, scene: Scene, *, logs: bool = True) -> int:
        """Resume the run to its end. Return 1 if it differs from the undisturbed run, else 0.

        logs: compare the log, the scores and the samples too.
        """
        ended = scene.child(scene.command)
        found, expected = self.fingerprint(scene, scene.run), self.expected
        lost = ended.code != 0 or (found != expected if logs else found.split()[0] != expected.split()[0])
        if lost:
            self.say(f"LOST in {scene.place}: {ended.printed}")
        else:
            shutil.rmtree(scene.place)
        return int(lost)

    def write_at(self, scene: Scene, moment: Moment, fault: Callable[[], None]) -> int:
        """Begin or resume the run with a fault at one of its writes. Return its exit code."""
        Disk(scene.place, moment, fault).install()
        return scene.command()


def plain(said: str, scene: Scene) -> str:
    """Return a message without this machine's paths, keys, process numbers and host name."""
    said = said.replace(str(scene.run), "RUN").replace(str(scene.place), "PLACE")
    said = re.sub(r"\b[0-9a-f]{32}\b[^ ]*npz|\b[0-9a-f]{32}\b", "KEY", said)
    return re.sub(r"process \d+ on [^ ;]+", "process PID on HOST", said)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table with totals."""
    lines = ["| | where | times | what was said | lost |", "| --- | --- | ---: | --- | ---: |"]
    lines += [f"| {r.what} | {r.where} | {r.times} | {r.said.replace('|', '/')} | {r.lost} |" for r in rows]
    total = sum(row.times for row in rows)
    return "\n".join([*lines, f"| **all** | | **{total}** | | **{sum(row.lost for row in rows)}** |"])
