"""Records: small JSON files that document how a score was obtained, protected by a digest.

The leaderboard makes its rows from them. The dataclasses here are the schema; OmegaConf checks it on writing and on
reading. The digest covers the whole record: it shows that the record was not changed, but not who wrote it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.errors import Damaged, GanzooError
from ganzoo.runs.ranking import Ranking, ranked_value, read_ranking
from ganzoo.utils.checksum import DIGEST, digest_of, sealed
from ganzoo.utils.files import write_text
from ganzoo.utils.safe_yaml import is_number, parse_json
from ganzoo.utils.structured import read_as

SCHEMA = 1
GRID_FILE = "grid.json"
OLDER = "older"  # subdirectory of the results; the leaderboard shows its grids collapsed, at the end


@dataclass
class Budget:
    """The training budget.

    kimg: thousands of real images. minutes, calibrated_pictures_per_second: the time and the measured speed that
    ``kimg`` was computed from, if the budget was a time.
    """

    kimg: float
    minutes: float | None = None
    calibrated_pictures_per_second: float | None = None


@dataclass
class Hardware:
    """The machine of a run.

    kind: the class that rows are filtered by, "cpu" or the accelerator's name. memory_mib: the memory of the device, or
    of the machine for "cpu". side_by_side: the number of combinations trained on this device at the same time, 1 for
    one alone, 0 if it is not known. Times of rows with different numbers are not compared. precision: that of the
    training, "bf16", "fp16" or "float32"; None if it is not known, as in records that were written before it was kept.
    """

    kind: str
    device: str
    cores: int
    threads: int
    memory_mib: int
    side_by_side: int = 1
    precision: str | None = None


@dataclass
class Cost:
    """The cost of a run: seconds of training and of scoring, images per second of training, peak memory in MiB."""

    training_seconds: float
    evaluation_seconds: float
    pictures_per_second: float
    peak_memory_mib: float


@dataclass
class Weights:
    """The averaged generator that was scored: its checksum, size and file (relative to the record, or None)."""

    sha256: str
    bytes: int
    file: str | None = None


@dataclass(frozen=True)
class CurvePoint:
    """An intermediate score during training.

    kimg: thousands of real images shown. seconds: the training time. value: the ranking value. fakes: the number of
    generated images it was computed on.
    """

    kimg: float
    seconds: float
    value: float
    fakes: int

    def to_dict(self, name: str) -> dict[str, Any]:
        """Return the point as it is stored in a record, with the value under ``name``."""
        return {"kimg": self.kimg, "seconds": self.seconds, name: self.value, "fakes": self.fakes}


@dataclass
class Record:
    """A combination that was trained and scored, or that failed; a failed one has a ``reason`` and no scores.

    recipe: the recipe in its shortest form. scores: the values by name (``kid_mean``, ``precision``, ``recall``, ...).
    protocol: everything that determines a score, apart from the weights. parameters: the parameter counts of generator
    and discriminator. plugins: the version of each distribution. marks: what a reader must know, such as
    "demonstration". curve: see :meth:`CurvePoint.to_dict`. samples: the PNG file of the sample grid, relative to the
    record.
    """

    schema: int
    grid: str
    recipe: str
    architecture: str
    discriminator: str
    loss: str
    penalties: list[str]
    augmentation: str
    data: str
    seed: int
    status: str
    reason: str
    budget: Budget
    shown: int
    steps_discriminator: int
    steps_generator: int
    scores: dict[str, float]
    protocol: dict[str, Any]
    cost: Cost | None
    parameters: dict[str, int]
    hardware: Hardware
    versions: dict[str, str]
    plugins: dict[str, str]
    git_commit: str | None
    weights: Weights | None
    curve: list[dict[str, Any]]
    samples: str | None
    marks: list[str]
    command: str
    config: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ranking(self) -> Ranking | None:
        """The ranking of the row; None without scores."""
        return read_ranking(self.scores, self.protocol)

    @property
    def ranked(self) -> tuple[Ranking, float] | None:
        """The ranking of the row and its value; None without that value."""
        return ranked_value(self.scores, self.protocol)

    @property
    def order(self) -> tuple[int, float]:
        """The sort key that puts the best row first.

        Rows scored with more images come first, since fewer images give a generator a worse score; then rows with a
        better score.
        """
        key = self.ranked[0].key(self.ranked[1]) if self.ranked else math.inf
        return -int(self.protocol.get("fake_pictures", 0)), key

    @property
    def points(self) -> list[CurvePoint]:
        """The intermediate scores that have the ranking value of the row."""
        name = self.ranking.value if self.ranking else ""
        return [CurvePoint(p["kimg"], p["seconds"], p[name], p["fakes"]) for p in self.curve if name in p]


FAULT = "fault_in_training"
"""The key in ``extra`` of a failed record whose run is not worth resuming: training itself failed."""


def write_record(file: Path, record: Record) -> None:
    """Write a record atomically. Raises GanzooError if it does not follow the schema."""
    content = json.loads(json.dumps(asdict(record), allow_nan=False))
    _check(content, str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(sealed(content), indent=1) + "\n")


def read_record(file: Path) -> Record:
    """Read and check a record.

    Raises Damaged if the file is not a record or was changed after it was written, GanzooError for any other problem.
    """
    try:
        content = parse_json(file.read_bytes())
    except OSError as error:
        raise GanzooError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"{file} is not a record: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or DIGEST not in content:
        raise Damaged(f"{file} is not a record: it has no digest")
    if "schema" not in content:
        raise Damaged(f"{file} is not a record: it has no schema")
    if content["schema"] != SCHEMA:
        raise GanzooError(f"{file} has schema {content['schema']}, this version reads {SCHEMA}; update ganzoo")
    try:
        found = digest_of(content)
    except ValueError as error:
        raise GanzooError(f"{file} holds a number that is not finite") from error
    if found != content[DIGEST]:
        raise Damaged(f"{file} was changed after it was written: its digest does not match; restore it")
    return _check({key: value for key, value in content.items() if key != DIGEST}, str(file))


def readable_records(directory: Path, left_out: Callable[[GanzooError], object]) -> Iterator[tuple[Path, Record]]:
    """Yield the records under a directory with their files. Call ``left_out`` for each one that cannot be read."""
    for file in record_files(directory):
        try:
            record = read_record(file)
        except GanzooError as error:
            left_out(error)
            continue
        yield file, record


def record_files(directory: Path) -> list[Path]:
    """Return the record files under a directory, sorted by path."""
    return [file for file in sorted(directory.rglob("*.json")) if file.name != GRID_FILE]


def read_records(directory: Path) -> list[Record]:
    """Read every record under a directory, sorted by path."""
    return [read_record(file) for file in record_files(directory)]


def is_older(file: Path, results: Path) -> bool:
    """Return whether a record belongs to the older grids of a directory of results."""
    return file.relative_to(results).parts[0] == OLDER


def _check(content: dict[str, Any], where: str) -> Record:
    try:
        record = read_as(Record, content)
    except ValueError as error:
        raise GanzooError(f"{where} does not follow the schema: {error}") from error
    if wrong := next((point for point in record.curve if not _is_point(point)), None):
        raise GanzooError(f"{where} does not follow the schema: curve holds {wrong!r}")
    if record.status not in ("done", "failed"):
        raise GanzooError(f"{where}: status is {record.status!r}, must be done or failed")
    if record.status == "done" and record.weights is None:
        raise GanzooError(f"{where}: status is done, but weights is missing; restore the record")
    return record


def _is_point(point: dict[str, Any]) -> bool:
    """Return whether a curve point has kimg, seconds, fakes and one value, all numbers, fakes an integer."""
    named = {"kimg", "seconds", "fakes"} <= point.keys() and len(point) == 4
    return named and all(map(is_number, point.values())) and isinstance(point["fakes"], int)
