"""Faults in files: each file is truncated, and has one bit flipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from campaign import Campaign, Row, plain
from moments import die
from scene import Ended, Scene, read_json

from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.sealed import seal


def damage(campaign: Campaign, most: int | None) -> Iterator[Row]:
    """Damage each file of a stopped run, once by truncation and once by a flipped bit, and resume the run each time.

    Yields one row for each file, then one for a damaged record of a grid. most: damage only this many files, chosen at
    random.
    """
    stopped = campaign.scene()
    moment = [m for m in campaign.seen if m.kind == "log" and m.operation == "write"][6]
    stopped.child(lambda: campaign.write_at(stopped, moment, die))
    newest = RunDir(stopped.run).latest()
    assert newest is not None
    files = [
        *(newest.path / name for name in (*newest.files, "meta.json")),
        *(stopped.run / name for name in ("config.yaml", "provenance.json", "log.jsonl", "scores.jsonl")),
        *sorted(
            file for file in stopped.root.rglob("*") if file.is_file() and file.suffix in (".npy", ".npz", ".json")
        ),
    ]
    if most is not None:
        files = campaign.random.sample(files, most)
    for file in files:
        name = file.relative_to(stopped.place)
        row = Row("damaged", _short(name), 0, "", 0)
        for harm in (_cut, _flip):
            scene = campaign.scene()
            shutil.copytree(stopped.place, scene.place, dirs_exist_ok=True)
            _move(scene, stopped)
            harm(scene.place / name)
            ended = scene.child(scene.command)
            row.times += 1
            row.said = _warning(ended) or row.said
            row.said = plain(row.said, scene)
            wrong = ended.code != 0 or campaign.fingerprint(scene, scene.run) != campaign.expected
            row.lost += wrong
            if wrong:
                campaign.say(f"LOST in {scene.place}, {harm.__name__} {name}: {ended.printed}")
            else:
                shutil.rmtree(scene.place)
        yield row
    yield _damaged_record(campaign)


def _damaged_record(campaign: Campaign) -> Row:
    """Damage the record of the undisturbed grid. It is not copied, because its settings contain its path."""
    row, scene = Row("damaged", "a record of a grid", 0, "", 0), campaign.alone_in_grid
    (record,) = (file for file in (scene.results / "grid").glob("*.json") if file.name != "grid.json")
    before = read_json(record)["scores"]
    for harm in (_cut, _flip):
        harm(record)
        ended = scene.child(scene.benchmark)
        row.times += 1
        row.said = plain(_warning(ended), scene).replace(record.stem, "RECORD").replace(str(scene.results), "RESULTS")
        wrong = ended.code != 0 or read_json(record)["scores"] != before
        row.lost += wrong
        if wrong:
            campaign.say(f"LOST {harm.__name__} {record}: {ended.printed}")
    return row


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _move(scene: Scene, stopped: Scene) -> None:
    """Change the data directory in a copied run's configuration to that of the copy."""
    config = scene.run / "config.yaml"
    text = config.read_text().replace(str(stopped.root), str(scene.root))
    rest = text.partition("\n")[2]
    config.write_text(seal(rest))


def _short(path: Path) -> str:
    parts = ["KEY" if len(part) >= 32 and "-" not in part else part for part in path.parts]
    return "/".join("KEY.npz" if part.endswith(".npz") else part for part in parts)


def _warning(ended: Ended) -> str:
    """Return the first printed warning, which names the damage; "" without a warning."""
    return next((line for line in ended.printed.splitlines() if line.startswith("warning: ")), "")
