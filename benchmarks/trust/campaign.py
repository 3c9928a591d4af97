"""Runs that are disturbed, each held against one that was not, and the lines of a table about them."""

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
    """One line of a table: ``what`` was done ``where``, how often, what was said of it, how many runs were lost."""

    what: str
    where: str
    times: int
    said: str
    lost: int


class Campaign:
    """Runs that are disturbed, held against one that was not."""

    def __init__(
        self, place: Path, seed: int, registry: Registry, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.place, self.random, self.registry, self.say = place, random.Random(seed), registry, say
        make_images(place / "images")
        self._number = 0
        self.alone = self.scene()
        self.seen = self._census(self.alone, self.alone.command, "run.json")
        self.alone_in_grid = self.scene()  # with caches of its own to build
        self.seen_in_grid = self._census(self.alone_in_grid, self.alone_in_grid.benchmark, "grid.json")
        self.expected = self.fingerprint(self.alone, self.alone.run)
        self.expected_in_grid = self.fingerprint(self.alone_in_grid, self.alone_in_grid.row)

    def scene(self) -> Scene:
        self._number += 1
        return Scene(self.place / f"scene-{self._number:03d}", self.registry)

    def _census(self, scene: Scene, work: Callable[[], int], name: str) -> list[Moment]:
        """Every moment at which an undisturbed run writes, and how much processor time it takes."""
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
        """Go on to the end; whether it ends elsewhere. ``logs``: it must also have logged at the same moments."""
        ended = scene.child(scene.command)
        found, expected = self.fingerprint(scene, scene.run), self.expected
        lost = ended.code != 0 or (found != expected if logs else found.split()[0] != expected.split()[0])
        if lost:
            self.say(f"LOST in {scene.place}: {ended.printed}")
        else:
            shutil.rmtree(scene.place)
        return int(lost)

    def write_at(self, scene: Scene, moment: Moment, fault: Callable[[], None]) -> int:
        """The run, with a fault at one of its writes."""
        Disk(scene.place, moment, fault).install()
        return scene.command()


def plain(said: str, scene: Scene) -> str:
    """Without places of this machine."""
    said = said.replace(str(scene.run), "RUN").replace(str(scene.place), "PLACE")
    said = re.sub(r"\b[0-9a-f]{32}\b[^ ]*npz|\b[0-9a-f]{32}\b", "KEY", said)
    return re.sub(r"process \d+ on [^ ;]+", "process PID on HOST", said)


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = ["| | where | times | what was said | lost |", "| --- | --- | ---: | --- | ---: |"]
    lines += [f"| {r.what} | {r.where} | {r.times} | {r.said.replace('|', '/')} | {r.lost} |" for r in rows]
    total = sum(row.times for row in rows)
    return "\n".join([*lines, f"| **all** | | **{total}** | | **{sum(row.lost for row in rows)}** |"])
