"""The run directory: what a run leaves behind, and all that is needed to go on with it.

config.yaml       the resolved configuration
provenance.json   versions, needed plugins, commit, device, seed, fingerprint of the data
log.jsonl         one record per log interval
scores.jsonl      one record per scored checkpoint
score.json        the last score
samples/          grids from fixed latents
verdicts/         what the discriminator said of them, see ganzoo.training.snapshots
checkpoints/      see ganzoo.runs.checkpoint
plugins/          copies of the single-file plugins it uses, where it uses any
lock              held by the process that is at work in it, see ganzoo.utils.lock

``config.yaml`` is written last when a run begins: a directory without it holds no run yet, and may be begun again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganzoo.errors import Damaged, GanzooError
from ganzoo.runs.by_class import BY_CLASS, read_by_class
from ganzoo.runs.checkpoint import Checkpoint, checkpoint_paths, list_checkpoints, read_checkpoint, set_aside
from ganzoo.runs.ranking import best_of
from ganzoo.runs.requirements import Need, read_needs
from ganzoo.runs.run_path import CONFIG, RUNS, is_run, not_a_run
from ganzoo.runs.sealed import is_as_written, is_unsealed, seal
from ganzoo.utils.checksum import sealed, unsealed
from ganzoo.utils.files import append_text, read_jsonl, write_text
from ganzoo.utils.safe_yaml import is_number, parse_json

SCORED: dict[str, Any] = {"shown": int, "checkpoint": str, "values": dict, "protocol": dict, "seconds": (int, float)}
UNBEGUN = {"lock", "plugins", "provenance.json"}  # what a run may have left that was stopped before it began

logger = logging.getLogger(__name__)


class RunDir:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / CONFIG
        self.log_file = path / "log.jsonl"
        self.scores_file = path / "scores.jsonl"
        self.score_file = path / "score.json"
        self.provenance_file = path / "provenance.json"
        self.samples = path / "samples"
        self.verdicts = path / "verdicts"
        self.checkpoints = path / "checkpoints"
        self.plugins = path / "plugins"

    @classmethod
    def create(cls, path: Path | None, recipe: str, config_yaml: str) -> RunDir:
        """Make a new directory and a run in it, as :meth:`reserve` and :meth:`begin` do one after the other."""
        directory = cls.reserve(path, recipe)
        directory.begin(config_yaml)
        return directory

    @classmethod
    def reserve(cls, path: Path | None, recipe: str) -> RunDir:
        """Make a new directory, by default ``runs/RECIPE-NUMBER``. Raises GanzooError where it already holds
        something."""
        try:
            if path is None:
                path = _make_next(RUNS, _stem(recipe))
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise GanzooError(f"{path} already exists and is not a directory; choose another --out") from error
        except OSError as error:
            raise GanzooError(
                f"cannot make the run directory {path}: {error.strerror}; choose another --out"
            ) from error
        directory = cls(path)
        directory.check_unbegun()
        return directory

    def check_unbegun(self) -> None:
        """Raises GanzooError where the directory holds more than a run leaves that was stopped before it began."""
        if any(path.name not in UNBEGUN and path.suffix != ".part" for path in self.path.iterdir()):
            go_on = f", or continue it with `ganzoo resume {self.path}`" if is_run(self.path) else ""
            raise GanzooError(f"{self.path} already exists and is not empty; choose another --out{go_on}")

    def begin(self, config_yaml: str) -> None:
        """Write the configuration: from now on it is a run."""
        write_text(self.config_file, seal(config_yaml))

    def good_config(self) -> Path:
        """The configuration, or where it is damaged the newest good checkpoint's copy; that is logged.

        Raises Damaged where there is none.
        """
        content = self.config_bytes()
        if is_unsealed(content) or is_as_written(content):
            return self.config_file
        damage = f"{self.config_file} is damaged: its checksum does not match"
        good = self.newest_good()
        if good is None or CONFIG not in good.files:
            raise Damaged(f"{damage}; restore it, or remove its first line")
        logger.warning(f"{damage}; the copy in {good.path} is used")
        return good.path / CONFIG

    def config_bytes(self) -> bytes:
        """Read the configuration as it is. Raises Damaged if it cannot be read."""
        try:
            return self.config_file.read_bytes()
        except OSError as error:
            raise Damaged(f"{self.config_file} cannot be read: {error.strerror}") from error

    @classmethod
    def begun(cls, path: Path | None, recipe: str, config_yaml: str) -> RunDir | None:
        """What :meth:`create` made of these arguments before, the newest; None where there is nothing of the kind."""
        for found in [path] if path else sorted(RUNS.glob(f"{_stem(recipe)}-???"), reverse=True):
            if cls(found).is_of(config_yaml):
                return cls(found)
        return None

    def is_of(self, config_yaml: str) -> bool:
        """Whether it holds a run of this configuration."""
        with suppress(Damaged):
            return self.good_config().read_text(encoding="utf-8") in (config_yaml, seal(config_yaml))
        return False

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run. Raises GanzooError if ``path`` is not a run, and says what it is."""
        if not is_run(path):
            raise GanzooError(not_a_run(path))
        return cls(path)

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint."""
        found = list_checkpoints(self.checkpoints)
        return found[-1] if found else None

    def newest_good(self) -> Checkpoint | None:
        """The newest checkpoint that is what was written; each damaged one that is newer is logged.

        None where there is no checkpoint yet. Raises Damaged where all are damaged.
        """
        damage: list[Damaged] = []
        for path in reversed(checkpoint_paths(self.checkpoints)):
            try:
                checkpoint = read_checkpoint(path)
                checkpoint.check()
            except Damaged as error:
                damage.append(error)
                continue
            for known in damage:
                logger.warning(f"{known}; {path.name} is used")
            return checkpoint
        if damage:
            raise Damaged(f"{damage[0]}, and no other checkpoint in {self.path} is whole; start again")
        return None

    def checkpoint(self, which: str) -> Checkpoint:
        """``"latest"`` that is not damaged, ``"best"`` (by the first metric) or a checkpoint's directory name.

        Raises GanzooError where there is none, Damaged for the best or a named one that is not what was written.
        """
        paths = {path.name: path for path in checkpoint_paths(self.checkpoints)}
        if not paths:
            raise GanzooError(f"{self.path} holds no checkpoint yet; start it with `ganzoo resume {self.path}`")
        name = self.best() if which == "best" else which
        if which == "latest" or name is None:
            newest = self.newest_good()
            assert newest is not None
            return newest
        if name not in paths:
            raise GanzooError(f"{self.path} has no checkpoint {name!r}; there are: {', '.join(paths)}")
        found = read_checkpoint(paths[name])
        found.check()
        return found

    def best(self) -> str | None:
        """Name of the checkpoint with the best value of the run's first metric, among the scored ones."""
        found = best_of(self._scores())
        return found["checkpoint"] if found else None

    def last_scored(self) -> int:
        """Images shown at the newest score; 0 where there is none."""
        return max((record["shown"] for record in self._scores()), default=0)

    def score_of(self, checkpoint: str) -> dict[str, Any]:
        """The newest score of a checkpoint; empty where it was not scored."""
        for record in reversed(self._scores()):
            if record["checkpoint"] == checkpoint:
                by_class = read_by_class(record)
                more = {BY_CLASS: by_class} if by_class else {}
                return {
                    "values": record["values"],
                    **more,
                    "protocol": record["protocol"],
                    "seconds": record["seconds"],
                }
        latest = self.latest()  # a published run has the score of its one checkpoint here alone
        score = self.last_score() if latest is not None and latest.published else {}
        return score if all(isinstance(score.get(name), dict) for name in ("values", "protocol")) else {}

    def _scores(self) -> list[dict[str, Any]]:
        """Records that say what a score is of; of their values the numbers."""
        return [
            {**record, "values": {name: value for name, value in record["values"].items() if is_number(value)}}
            for record in read_jsonl(self.scores_file)
            if all(isinstance(record.get(name), kind) for name, kind in SCORED.items())
        ]

    def needs(self) -> tuple[Need, ...]:
        """The plugins it needs, as its newest checkpoint names them, or before there is one its provenance."""
        latest = self.latest()
        noted = latest.meta if latest else self.provenance()
        return read_needs(noted.get("needs"), str(self.path))

    def provenance(self) -> dict[str, Any]:
        """What was noted of software, machine and data; empty where nothing whole is there."""
        with suppress(ValueError):
            return unsealed(read_json(self.provenance_file))
        return {}

    def last_score(self) -> dict[str, Any]:
        """Values and protocol of the last score; empty where nothing whole is there."""
        return read_json(self.score_file)

    def logs(self) -> list[Path]:
        """What a checkpoint keeps a copy of: the log and the scores up to it."""
        return [file for file in (self.log_file, self.scores_file) if file.exists()]

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Drop what was logged after a checkpoint, since the resumed run will log it again; None: all of it.

        Where what is left is not what the checkpoint has a copy of, the copy is taken and that is logged.
        """
        shown = -1 if checkpoint is None else checkpoint.meta["shown"]
        for file in (self.log_file, self.scores_file):
            kept = [r for r in read_jsonl(file) if isinstance(r.get("shown"), int) and r["shown"] <= shown]
            copy = checkpoint.log(file.name) if checkpoint else []
            if checkpoint and kept[: len(copy)] != copy:
                logger.warning(f"{file} is damaged: its lines do not fit; the copy in {checkpoint.path} is used")
                # A score of this very checkpoint came after it.
                late = [record for record in kept if record["shown"] == shown and record not in copy]
                kept = [*copy, *(late if file == self.scores_file else [])]
            if file.exists() or copy:
                write_text(file, "".join(json.dumps(record) + "\n" for record in kept))

    def set_aside_newer(self, checkpoint: Checkpoint) -> None:
        """Set aside the checkpoints after this one, which are damaged."""
        for path in checkpoint_paths(self.checkpoints):
            if path.name > checkpoint.path.name:
                set_aside(path)

    def append(self, file: Path, record: Mapping[str, Any]) -> None:
        """Add one line to a jsonl file."""
        append_text(file, json.dumps(record) + "\n")

    def note_provenance(self, origin: Mapping[str, Any]) -> None:
        """Write down what :meth:`provenance` reads."""
        self.write_json(self.provenance_file, sealed(dict(origin)))

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write a small JSON file, whole or not at all."""
        write_text(file, json.dumps(content, indent=2) + "\n")


def read_json(file: Path) -> dict[str, Any]:
    """Read a small JSON file of a run; empty if it is missing or damaged."""
    try:
        content = parse_json(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stem(recipe: str) -> str:
    return recipe.replace("/", ",").replace(":", ".")


def _make_next(parent: Path, stem: str) -> Path:
    """The first free number's directory, which no other process gets as well."""
    number = 0
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        number += 1
        path = parent / f"{stem}-{number:03d}"
        with suppress(FileExistsError):
            path.mkdir()
            return path
