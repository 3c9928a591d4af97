"""The run directory: the output of a run, and everything that is needed to resume it.

config.yaml       the resolved configuration
provenance.json   versions, needed plugins, commit, device, seed, fingerprint of the data
log.jsonl         one record per log interval
scores.jsonl      one record per scored checkpoint
score.json        the last score
samples/          grids from fixed latents
verdicts/         the discriminator's logits for them, see ganzoo.training.snapshots
checkpoints/      see ganzoo.runs.checkpoint
plugins/          copies of the single-file plugins it uses, if any
lock              held by the process that works in it, see ganzoo.utils.lock

``config.yaml`` is written last when a run begins: a directory without it holds no run yet, and a run may begin in it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
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
from ganzoo.utils.files import append_text, read_jsonl, regular, write_text
from ganzoo.utils.safe_yaml import numbers_of, parse_json

SCORED: dict[str, Any] = {"shown": int, "checkpoint": str, "values": dict, "protocol": dict, "seconds": (int, float)}
UNBEGUN = {"lock", "plugins", "provenance.json"}  # may be left by a run that stopped before it began

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
        """Make a new directory and begin a run in it: :meth:`reserve`, then :meth:`begin`."""
        directory = cls.reserve(path, recipe)
        directory.begin(config_yaml)
        return directory

    @classmethod
    def reserve(cls, path: Path | None, recipe: str) -> RunDir:
        """Make a new directory, by default ``runs/RECIPE-NUMBER``. Raises GanzooError if it exists and is not empty, or
        cannot be made."""
        try:
            if path is None:
                path = _make_next(RUNS, _stem(recipe))
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise GanzooError(f"{path or RUNS} already exists and is not a directory; choose another --out") from error
        except OSError as error:
            raise GanzooError(f"cannot make a run in {path or RUNS}: {error.strerror}; choose another --out") from error
        directory = cls(path)
        directory.check_unbegun()
        return directory

    def check_unbegun(self) -> None:
        """Raise GanzooError if the directory holds more than the remains of a run that stopped before it began."""
        if any(path.name not in UNBEGUN and path.suffix != ".part" for path in self.path.iterdir()):
            go_on = f", or continue it with `ganzoo resume {self.path}`" if is_run(self.path) else ""
            raise GanzooError(f"{self.path} already exists and is not empty; choose another --out{go_on}")

    def begin(self, config_yaml: str) -> None:
        """Write the configuration, which makes the directory a run."""
        write_text(self.config_file, seal(config_yaml))

    def good_config(self) -> Path:
        """Return the configuration file; if it is damaged, log that and return the newest good checkpoint's copy.

        Raises Damaged if there is no copy.
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
        """Return the raw bytes of the configuration file. Raises Damaged if it cannot be read."""
        try:
            return self.config_file.read_bytes()
        except OSError as error:
            raise Damaged(f"{self.config_file} cannot be read: {error.strerror}") from error

    @classmethod
    def begun(
        cls, path: Path | None, recipe: str, config_yaml: str, origin: Mapping[str, Any] | None = None
    ) -> RunDir | None:
        """Return the newest run with this recipe and configuration, or None.

        path: look only at this directory. origin: what the run's provenance must hold.
        """
        for found in map(cls, [path] if path else sorted(RUNS.glob(f"{_stem(recipe)}-???"), reverse=True)):
            if found.is_of(config_yaml) and (origin or {}).items() <= found.provenance().items():
                return found
        return None

    def is_of(self, config_yaml: str) -> bool:
        """Return whether the directory holds a run of this configuration."""
        with suppress(Damaged):
            return self.good_config().read_text(encoding="utf-8") in (config_yaml, seal(config_yaml))
        return False

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run. Raises a GanzooError that says what ``path`` is if it is not a run."""
        if not is_run(path):
            raise GanzooError(not_a_run(path))
        return cls(path)

    def latest(self) -> Checkpoint | None:
        """Return the newest complete checkpoint; None if there is none."""
        found = list_checkpoints(self.checkpoints)
        return found[-1] if found else None

    def newest_good(self) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, and log each damaged one that is newer.

        None if there is no checkpoint yet. Raises Damaged if all are damaged.
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
        """Return the checkpoint that ``which`` names.

        which: ``"latest"`` (the newest undamaged one), ``"best"`` (by the first metric; the latest if none is scored)
        or a checkpoint's directory name. Raises GanzooError if there is no such checkpoint, Damaged if it is damaged.
        """
        paths = {path.name: path for path in checkpoint_paths(self.checkpoints)}
        if not paths:
            self._check_not_lost()
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
        """Return the name of the scored checkpoint with the best value of the first metric; None if none is scored."""
        return found["checkpoint"] if (found := best_of(self._scores())) else None

    def last_scored(self) -> int:
        """Return the number of images shown at the newest score; 0 if there is none."""
        return max((record["shown"] for record in self._scores()), default=0)

    def score_of(self, checkpoint: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the newest score of a checkpoint; {} if it was not scored.

        asked: the settings that the score must have been computed with, if it records them (older scores do not).
        """
        for record in reversed(self._scores()):
            if record["checkpoint"] == checkpoint and asked in (None, record.get("asked", asked)):
                by_class = read_by_class(record)
                values = {"values": record["values"], **({BY_CLASS: by_class} if by_class else {})}
                return {**values, "protocol": record["protocol"], "seconds": record["seconds"]}
        latest = self.latest()  # a published run has its one checkpoint's score only in score.json
        score = self.last_score() if latest is not None and latest.published else {}
        return score if all(isinstance(score.get(name), dict) for name in ("values", "protocol")) else {}

    def _scores(self) -> list[dict[str, Any]]:
        """Return the complete score records, each with only the values that are numbers."""
        return [
            {**record, "values": numbers_of(record["values"])}
            for record in read_jsonl(self.scores_file)
            if all(isinstance(record.get(name), kind) for name, kind in SCORED.items())
        ]

    def needs(self) -> tuple[Need, ...]:
        """Return the plugins that the run needs, from its newest checkpoint or, without one, its provenance."""
        latest = self.latest()
        noted = latest.meta if latest else self.provenance()
        return read_needs(noted.get("needs"), str(self.path))

    def provenance(self) -> dict[str, Any]:
        """Return the record of software, machine and data; {} if it is missing or damaged."""
        with suppress(ValueError):
            return unsealed(read_json(self.provenance_file))
        return {}

    def last_score(self) -> dict[str, Any]:
        """Return the values and protocol of the last score; {} if they are missing or damaged."""
        return read_json(self.score_file)

    def logs(self) -> list[Path]:
        """Return the files that a checkpoint copies: the log and the scores, if they exist."""
        return [file for file in (self.log_file, self.scores_file) if file.exists()]

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Drop the records after a checkpoint, since the resumed run will log them again.

        If the rest does not begin with the checkpoint's copy, the copy replaces it and a warning is logged. Raises
        GanzooError for records without any checkpoint."""
        if checkpoint is None:
            self._check_not_lost()
        shown = -1 if checkpoint is None else checkpoint.meta["shown"]
        for file in (self.log_file, self.scores_file):
            kept = [r for r in read_jsonl(file) if isinstance(r.get("shown"), int) and r["shown"] <= shown]
            copy = checkpoint.log(file.name) if checkpoint else []
            if checkpoint and kept[: len(copy)] != copy:
                logger.warning(f"{file} is damaged: its lines do not fit; the copy in {checkpoint.path} is used")
                # This checkpoint's own score was recorded after it was written, so its copy lacks it.
                late = [record for record in kept if record["shown"] == shown and record not in copy]
                kept = [*copy, *(late if file == self.scores_file else [])]
            if file.exists() or copy:
                write_text(file, "".join(json.dumps(record) + "\n" for record in kept))

    def _check_not_lost(self) -> None:
        """Raise GanzooError if there are records: a run writes its first checkpoint before its first record."""
        if any(read_jsonl(file) for file in self.logs()):
            raise GanzooError(f"{self.path} was trained, but holds no checkpoint; restore {self.checkpoints}")

    def set_aside_newer(self, checkpoint: Checkpoint) -> None:
        """Set aside the checkpoints after this one, all of which are damaged."""
        for path in checkpoint_paths(self.checkpoints):
            if path.name > checkpoint.path.name:
                set_aside(path)

    def append(self, file: Path, record: Mapping[str, Any]) -> None:
        """Add one line to a jsonl file."""
        append_text(file, json.dumps(record) + "\n")

    def note_provenance(self, origin: Mapping[str, Any]) -> None:
        """Write the provenance, which :meth:`provenance` reads."""
        self.write_json(self.provenance_file, sealed(dict(origin)))

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write a small JSON file, whole or not at all."""
        write_text(file, json.dumps(content, indent=2) + "\n")


def read_json(file: Path) -> dict[str, Any]:
    """Read a small JSON file of a run; {} if it is missing or damaged."""
    try:
        content = parse_json(regular(file).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stem(recipe: str) -> str:
    return recipe.replace("/", ",").replace(":", ".")


def _make_next(parent: Path, stem: str) -> Path:
    """Make the directory with the first free number; no other process gets the same one."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        path = parent / f"{stem}-{number:03d}"
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError
