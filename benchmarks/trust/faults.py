"""Nothing lost: a run killed, refused its writes, damaged and misled, and what is left of it each time.

    python benchmarks/trust/faults.py [--kills 100] [--seed 0] [--quick] [--save]

Prints four tables. A run counts as lost where what it ends with after it was gone on with is not, bit for bit, what an
undisturbed one ends with: weights, optimizers, random state, log, scores. Exits with 1 where one was lost.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from moments import Disk, Moment, Phase, die, refuse
from scene import Ended, Scene, StandIn, make_pictures, read_json

import ganzoo.data.cache
import ganzoo.loop
from ganzoo.bench import harness, work
from ganzoo.folder import RunFolder
from ganzoo.loop import Loop
from ganzoo.registry import Registry

RESULTS = Path(__file__).parent / "results"
GRACE = 10.0  # seconds that a cluster leaves after SIGTERM, at the least


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

    def __init__(self, place: Path, seed: int, say: Callable[[str], None] = lambda line: None) -> None:
        self.place, self.random, self.say = place, random.Random(seed), say
        self.registry = Registry.load(strict=True)
        make_pictures(place / "pictures")
        self._number = 0
        self.alone = self._scene()
        self.seen = self._census(self.alone, self.alone.command, "run.json")
        self.seen_in_grid = self._census(self.alone, self.alone.benchmark, "grid.json")
        begun = time.process_time(), os.times().children_user
        self.expected = self._fingerprint(self.alone, self.alone.run)
        self.expected_in_grid = self._fingerprint(self.alone, self.alone.row)
        assert begun

    def _scene(self) -> Scene:
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

    def _fingerprint(self, scene: Scene, run: Path) -> str:
        out = scene.place / "fingerprint"
        out.unlink(missing_ok=True)
        ended = scene.child(lambda: int(not out.write_text(scene.fingerprint(run))))
        return out.read_text() if ended.code == 0 else ended.said

    def _lost(self, scene: Scene) -> int:
        """Go on to the end; whether it ends elsewhere."""
        ended = scene.child(scene.command)
        lost = ended.code != 0 or self._fingerprint(scene, scene.run) != self.expected
        if lost:
            self.say(f"LOST in {scene.place}: {ended.printed}")
        else:
            shutil.rmtree(scene.place)
        return int(lost)

    # Kills

    def kills(self, count: int) -> Iterator[Row]:
        """Half at moments of processor time, half within writes; several to a run."""
        killed: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        done = 0
        while done < count:
            scene, phase = self._scene(), Phase()
            where: list[str] = []
            while done < count and len(where) < 6:
                at = self._draw_moment() if done % 2 else None
                ended = scene.child(
                    lambda at=at: self._killable(scene, phase, at),
                    after=None if at else self.random.uniform(0.0, self.seconds),
                )
                if ended.code == 0:  # it was done before its time
                    break
                where.append(f"within a write: {at.kind}" if at else phase.read() or "starting")
                done += 1
                if ended.code != -signal.SIGKILL:
                    lost[where[-1]] += 1
                    self.say(f"LOST in {scene.place}: {ended.printed}")
            ended = scene.child(scene.benchmark)
            wrong = ended.code != 0 or self._fingerprint(scene, scene.row) != self.expected_in_grid
            for name in where:
                killed[name] += 1
                lost[name] += wrong
            if wrong:
                self.say(f"LOST in {scene.place} after {where}: {ended.printed}")
            else:
                shutil.rmtree(scene.place)
            self.say(f"{done} of {count} killed")
        for name in sorted(killed):
            yield Row("killed", name, killed[name], "", lost[name])

    def _draw_moment(self) -> Moment:
        """Any kind of file as often as any other."""
        kind = self.random.choice(sorted({moment.kind for moment in self.seen_in_grid}))
        return self.random.choice([moment for moment in self.seen_in_grid if moment.kind == kind])

    def _killable(self, scene: Scene, phase: Phase, at: Moment | None) -> int:
        phase.set("")
        for owner, name, what in (
            (ganzoo.data.cache, "_write", "building the data cache"),
            (Loop, "iteration", "within a step"),
            (Loop, "_log", "writing the log"),
            (ganzoo.loop, "write_checkpoint", "writing a checkpoint"),
            (ganzoo.loop, "take_pictures", "writing samples"),
            (Loop, "_score", "within a metric run"),
            (work, "write_record", "writing a record"),
            (harness.Harness, "_publish", "writing a record"),
        ):
            phase.mark(owner, name, what)
        if at is not None:
            Disk(scene.place, at, die).install()
        return scene.benchmark()

    # Writes that are refused

    def refused(self, each: int | None) -> Iterator[Row]:
        """Each kind of write to each kind of file, once with ENOSPC and once with EIO; ``each``: so many in all."""
        kinds: dict[tuple[str, str], list[Moment]] = {}
        for moment in self.seen:
            kinds.setdefault((moment.kind, moment.operation), []).append(moment)
        picked = [
            (moments[len(moments) // 2], number) for moments in kinds.values() for number in (errno.ENOSPC, errno.EIO)
        ]
        if each is not None:
            picked = self.random.sample(picked, min(each, len(picked)))
        rows: dict[str, Row] = {}
        for moment, number in picked:
            scene = self._scene()
            ended = scene.child(lambda m=moment, n=number, s=scene: self._on_disk(s, m, refuse(n)))
            row = rows.setdefault(moment.kind, Row("refused", moment.kind, 0, "", 0))
            row.times += 1
            problem = self._badly_said(ended, number)
            if problem:
                self.say(f"{moment}, {os.strerror(number)}: {problem}")
            row.said = max(row.said, f"exit {ended.code}: {_plain(ended.said, scene)}" if ended.code else "", key=len)
            row.lost += self._lost(scene) or bool(problem)
            self.say(f"{moment}, {os.strerror(number)}: {ended.code}")
        for row in rows.values():
            row.said = row.said or "went on: only a shortcut or a removal"
            yield row

    def _on_disk(self, scene: Scene, moment: Moment, fault: Callable[[], None]) -> int:
        Disk(scene.place, moment, fault).install()
        return scene.command()

    def _badly_said(self, ended: Ended, number: int) -> str:
        """What is wrong with how a refusal was reported, "" where nothing is."""
        if ended.code == 0:
            return ""
        if ended.code != 2 or "cannot " not in ended.said or os.strerror(number) not in ended.said:
            return f"exit {ended.code}, said: {ended.printed}"
        return ""

    def full_disk(self) -> Iterator[Row]:
        """A disk of 300 KiB under the run's folder, made larger after it was full."""
        scene = self._scene()
        scene.run.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(scene.run)]
        if subprocess.run(mount, capture_output=True).returncode:
            self.say("no disk can be mounted here: only injected errors")
            return
        try:
            ended = scene.child(scene.command)
            lost = int(ended.code != 2 or "No space left on device" not in ended.said)
            subprocess.run(["mount", "-o", "remount,size=16m", str(scene.run)], check=True)
            again = scene.child(scene.command)
            lost = lost or int(again.code != 0 or self._fingerprint(scene, scene.run) != self.expected)
        finally:
            subprocess.run(["umount", str(scene.run)], check=True)
        yield Row(
            "refused", "a disk of 300 KiB that is full", 1, f"exit {ended.code}: {_plain(ended.said, scene)}", lost
        )

    # Damage

    def damage(self) -> Iterator[Row]:
        """Each file of a stopped run, cut short and with one bit changed, then gone on with."""
        stopped = self._scene()
        moment = [m for m in self.seen if m.kind == "log" and m.operation == "write"][6]
        stopped.child(lambda: self._on_disk(stopped, moment, die))
        newest = RunFolder(stopped.run).latest()
        assert newest is not None
        files = [
            *(newest.path / name for name in (*newest.files, "meta.json")),
            *(stopped.run / name for name in ("config.yaml", "provenance.json", "log.jsonl", "scores.jsonl")),
            *sorted(
                file for file in stopped.root.rglob("*") if file.is_file() and file.suffix in (".npy", ".npz", ".json")
            ),
        ]
        for file in files:
            name = file.relative_to(stopped.place)
            row = Row("damaged", _short(name), 0, "", 0)
            for harm in (_cut, _flip):
                scene = self._scene()
                shutil.copytree(stopped.place, scene.place, dirs_exist_ok=True)
                _move(scene, stopped)
                harm(scene.place / name)
                ended = scene.child(scene.command)
                row.times += 1
                row.said = next((l for l in ended.printed.splitlines() if l.startswith("warning: ")), row.said)
                row.said = _plain(row.said, scene)
                wrong = ended.code != 0 or self._fingerprint(scene, scene.run) != self.expected
                row.lost += wrong
                if wrong:
                    self.say(f"LOST in {scene.place}, {harm.__name__} {name}: {ended.printed}")
                else:
                    shutil.rmtree(scene.place)
            yield row
        yield self._damaged_record()

    def _damaged_record(self) -> Row:
        row = Row("damaged", "a record of a grid", 0, "", 0)
        for harm in (_cut, _flip):
            scene = self._scene()
            for part in ("results", "work"):
                shutil.copytree(self.alone.place / part, scene.place / part)
            (record,) = (file for file in (scene.results / "grid").glob("*.json") if file.name != "grid.json")
            before = read_json(record)["scores"]
            harm(record)
            ended = scene.child(scene.benchmark)
            row.times += 1
            row.said = next((l for l in ended.printed.splitlines() if l.startswith("warning: ")), "")
            row.said = _plain(row.said, scene).replace(record.stem, "RECORD")
            row.lost += int(ended.code != 0 or read_json(record)["scores"] != before)
            shutil.rmtree(scene.place)
        return row

    # The rest

    def others(self) -> Iterator[Row]:
        """Two processes, SIGTERM, clocks."""
        yield self._two_processes()
        for where, slow in (("within a step", False), ("within a metric run", True)):
            yield self._sigterm(where, slow)
        for jump in ("back", "to and fro"):
            scene = self._scene()
            ended = scene.child(lambda j=jump, s=scene: _with_clock(j, s.command))
            lost = int(ended.code != 0) or self._lost(scene)
            yield Row("clock", f"jumps {jump} at every look", 1, "", lost)

    def _two_processes(self) -> Row:
        scene = self._scene()

        def both() -> int:
            from ganzoo.lock import alone_in

            scene.run.mkdir()
            with alone_in(scene.run, print):
                second = Scene(scene.place, self.registry).child(scene.command)
                print(second.printed)
                return second.code

        ended = scene.child(both)
        wrong = ended.code != 2 or "is in use by process" not in ended.said
        return Row("second process", "on one run folder", 1, f"exit {ended.code}: {_plain(ended.said, scene)}",
                   int(wrong) or self._lost(scene))  # fmt: skip

    def _sigterm(self, where: str, slow: bool) -> Row:
        scene, phase = self._scene(), Phase()

        def run() -> int:
            StandIn.pause = 60.0 if slow else 0.0
            phase.mark(Loop, "iteration", "within a step")
            phase.mark(Loop, "_score", "within a metric run")
            return scene.command()

        ended = scene.child(run, after=0.01, send=signal.SIGTERM, ready=lambda: phase.read() == where)
        wrong = ended.code != 75 or ended.seconds > GRACE
        said = f"exit {ended.code} after {ended.seconds:.1f} s: {_plain(ended.said, scene)}"
        return Row("SIGTERM", where, 1, said, int(wrong) or self._lost(scene))


def _with_clock(jump: str, command: Callable[[], int]) -> int:
    moves, real, real_ns = random.Random(0), time.time, time.time_ns
    state = {"by": 0.0}

    def by() -> float:
        state["by"] = state["by"] - 86400 if jump == "back" else moves.uniform(-3e8, 3e8)
        return state["by"]

    time.time = lambda: real() + by()
    time.time_ns = lambda: real_ns() + int(by() * 1e9)
    return command()


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _move(scene: Scene, stopped: Scene) -> None:
    """A copied run keeps its data cache where it now lies."""
    config = scene.run / "config.yaml"
    text = config.read_text().replace(str(stopped.root), str(scene.root))
    from hashlib import sha256

    from ganzoo.folder import SEAL

    rest = text.partition("\n")[2]
    config.write_text(SEAL.format(sha256(rest.encode()).hexdigest()) + rest)


def _short(path: Path) -> str:
    parts = ["KEY" if len(part) >= 32 and "-" not in part else part for part in path.parts]
    return "/".join("KEY.npz" if part.endswith(".npz") else part for part in parts)


def _plain(said: str, scene: Scene) -> str:
    """Without places of this machine."""
    words = said.replace(str(scene.run), "RUN").replace(str(scene.place), "PLACE").split()
    return " ".join(
        "KEY".join([word.partition("/cache/")[0] + "/cache/", ""]) if "/cache/" in word else word for word in words
    )


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = ["| | where | times | what was said | lost |", "| --- | --- | ---: | --- | ---: |"]
    lines += [f"| {r.what} | {r.where} | {r.times} | {r.said.replace('|', '/')} | {r.lost} |" for r in rows]
    total = sum(row.times for row in rows)
    return "\n".join([*lines, f"| **all** | | **{total}** | | **{sum(row.lost for row in rows)}** |"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a selection: 6 kills, 8 refused writes")
    parser.add_argument("--only", nargs="*", choices=("kills", "refused", "damage", "others"))
    parser.add_argument("--save", action="store_true", help="keep the tables under results/")
    options = parser.parse_args()
    chosen = options.only or ("kills", "refused", "damage", "others")
    with tempfile.TemporaryDirectory(prefix="ganzoo-faults-") as scratch:
        campaign = Campaign(Path(scratch), options.seed, lambda line: print(line, file=sys.stderr, flush=True))
        tables: dict[str, list[Row]] = {}
        if "kills" in chosen:
            tables["Killed and gone on with"] = list(campaign.kills(6 if options.quick else options.kills))
        if "refused" in chosen:
            refused = list(campaign.refused(8 if options.quick else None))
            tables["Writes refused (ENOSPC, EIO)"] = [*refused, *campaign.full_disk()]
        if "damage" in chosen:
            tables["Files cut short, and with one bit changed"] = list(campaign.damage())
        if "others" in chosen:
            tables["Other faults"] = list(campaign.others())
    text = "".join(f"## {title}\n\n{table(rows)}\n\n" for title, rows in tables.items())
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "faults.md").write_text(f"Seed {options.seed}.\n\n{text}")
    return int(any(row.lost for rows in tables.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
