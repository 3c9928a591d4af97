"""The run folder: what a run leaves behind, and all that is needed to go on with it.

config.yaml       the resolved configuration
provenance.json   versions, needed plugins, commit, device, seed, fingerprint of the data
log.jsonl         one record per log interval
scores.jsonl      one record per scored checkpoint
score.json        the last score
samples/          grids from fixed latents
verdicts/         what the discriminator said of them, see ganzoo.snapshot
report.html       see ganzoo.report
checkpoints/      see ganzoo.checkpoint
plugins/          copies of the single-file plugins it uses, where it uses any
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.checkpoint import Checkpoint, list_checkpoints
from ganzoo.errors import GanzooError
from ganzoo.needs import Need, read_needs
from ganzoo.textfiles import read_jsonl, write_text


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.log_file = path / "log.jsonl"
        self.scores_file = path / "scores.jsonl"
        self.score_file = path / "score.json"
        self.provenance_file = path / "provenance.json"
        self.samples = path / "samples"
        self.verdicts = path / "verdicts"
        self.report_file = path / "report.html"
        self.checkpoints = path / "checkpoints"
        self.plugins = path / "plugins"

    @classmethod
    def create(cls, path: Path | None, recipe: str, config_yaml: str) -> RunFolder:
        """Make a new folder, by default ``runs/RECIPE-NUMBER``. Raises GanzooError where it already holds something."""
        path = path or _next_free(Path("runs"), _stem(recipe))
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise GanzooError(f"{path} already exists; choose another --out, or go on with `ganzoo resume {path}`")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GanzooError(f"cannot make the run folder {path}: {error.strerror}; choose another --out") from error
        folder = cls(path)
        folder.samples.mkdir()
        folder.checkpoints.mkdir()
        write_text(folder.config_file, config_yaml)
        return folder

    @classmethod
    def begun(cls, path: Path | None, recipe: str, config_yaml: str) -> RunFolder | None:
        """What :meth:`create` made of these arguments before, the newest; None where there is nothing of the kind."""
        for found in [path] if path else sorted(Path("runs").glob(f"{_stem(recipe)}-???"), reverse=True):
            config = found / "config.yaml"
            if config.is_file() and config.read_text(encoding="utf-8") == config_yaml:
                return cls(found)
        return None

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises GanzooError where the folder is not one."""
        if not (path / "config.yaml").is_file():
            raise GanzooError(f"{path} is not a run folder (no config.yaml in it); see `ganzoo run --help`")
        return cls(path)

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint."""
        found = list_checkpoints(self.checkpoints)
        return found[-1] if found else None

    def checkpoint(self, which: str) -> Checkpoint:
        """``"latest"``, ``"best"`` (by FID) or a checkpoint's folder name. Raises GanzooError where there is none."""
        found = {checkpoint.path.name: checkpoint for checkpoint in list_checkpoints(self.checkpoints)}
        if not found:
            raise GanzooError(f"{self.path} holds no checkpoint yet; start it with `ganzoo resume {self.path}`")
        name = self.best() if which == "best" else which
        if which == "latest" or name is None:
            return list(found.values())[-1]
        if name not in found:
            raise GanzooError(f"{self.path} has no checkpoint {name!r}; there are: {', '.join(found)}")
        return found[name]

    def best(self) -> str | None:
        """Name of the checkpoint with the lowest FID among the scored ones."""
        scored = [r for r in read_jsonl(self.scores_file) if "fid" in r.get("values", {})]
        return min(scored, key=lambda record: record["values"]["fid"])["checkpoint"] if scored else None

    def score_of(self, checkpoint: str) -> dict[str, Any]:
        """What a checkpoint scored; empty where it was not scored."""
        for record in read_jsonl(self.scores_file):
            if record["checkpoint"] == checkpoint:
                return {name: record[name] for name in ("values", "protocol", "seconds")}
        return {}

    def needs(self) -> tuple[Need, ...]:
        """The plugins it needs, as its newest checkpoint names them, or before there is one its provenance."""
        latest = self.latest()
        noted = latest.meta if latest else self.provenance()
        return read_needs(noted.get("needs"), str(self.path))

    def provenance(self) -> dict[str, Any]:
        """What was noted of software, machine and data; empty where nothing whole is there."""
        try:
            noted = json.loads(self.provenance_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def rewind(self, shown: int) -> None:
        """Drop what was logged after a checkpoint, since the resumed run will log it again."""
        for file in (self.log_file, self.scores_file):
            if file.exists():
                kept = [record for record in read_jsonl(file) if record["shown"] <= shown]
                write_text(file, "".join(json.dumps(record) + "\n" for record in kept))

    def append(self, file: Path, record: Mapping[str, Any]) -> None:
        """Add one line to a jsonl file."""
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write a small JSON file, whole or not at all."""
        write_text(file, json.dumps(content, indent=2) + "\n")


class Onlooker(RunFolder):
    """The folder of a run that another process writes: this one reads it."""

    def rewind(self, shown: int) -> None:
        """Left to the other process."""

    def append(self, file: Path, record: Mapping[str, Any]) -> None:
        """Left to the other process."""

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None:
        """Left to the other process."""


def _stem(recipe: str) -> str:
    return recipe.replace("/", ",").replace(":", ".")


def _next_free(parent: Path, stem: str) -> Path:
    number = 1
    while (parent / f"{stem}-{number:03d}").exists():
        number += 1
    return parent / f"{stem}-{number:03d}"
