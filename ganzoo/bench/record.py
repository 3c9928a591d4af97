"""One row of the leaderboard: a small JSON file that says how a score came about, guarded by a digest.

The schema is these dataclasses, checked by OmegaConf at writing and at reading. The digest is over the whole
record: it shows that nothing was changed since, not who wrote it.
"""

from __future__ import annotations

import json
import math
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
OLDER = "older"  # directory of the results whose grids the leaderboard shows folded, at its end


@dataclass
class Budget:
    """``kimg`` is what was trained; ``minutes`` and the speed it was calibrated from, where the budget was a time."""

    kimg: float
    minutes: float | None = None
    calibrated_pictures_per_second: float | None = None


@dataclass
class Hardware:
    """The machine. ``kind`` is what rows are filtered by: "cpu" or the accelerator's name.

    side_by_side: combinations trained on this device at the same time; 1: alone. Times of rows that differ in it
    are not compared. memory_mib: of the device, or of the machine for "cpu".
    """

    kind: str
    device: str
    cores: int
    threads: int
    memory_mib: int
    side_by_side: int = 1


@dataclass
class Cost:
    """Seconds of training and of scoring, images per second of training, peak memory in MiB."""

    training_seconds: float
    evaluation_seconds: float
    pictures_per_second: float
    peak_memory_mib: float


@dataclass
class Weights:
    """The averaged generator that was scored: its checksum, size and place (relative to the record, or None)."""

    sha256: str
    bytes: int
    file: str | None = None


@dataclass(frozen=True)
class CurvePoint:
    """A score on the way: kimg shown, seconds of training, the value that ranks, of so many generated images."""

    kimg: float
    seconds: float
    value: float
    fakes: int

    def to_dict(self, name: str) -> dict[str, Any]:
        """For a record, where the value has its own name."""
        return {"kimg": self.kimg, "seconds": self.seconds, name: self.value, "fakes": self.fakes}


@dataclass
class Record:
    """A combination that was trained and scored, or that failed (then ``reason`` says why and there are no scores).

    recipe: its shortest form. scores: by name (``kid_mean``, ``precision``, ``recall``, ...).
    protocol: all that decides a score beside the weights. parameters: of generator and discriminator.
    plugins: distribution to version. marks: what a reader must know, such as "demonstration".
    curve: see :meth:`CurvePoint.to_dict`. samples: PNG with a grid beside the record.
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
        """The value that ranks the row; None without scores."""
        return read_ranking(self.scores, self.protocol)

    @property
    def ranked(self) -> tuple[Ranking, float] | None:
        """The ranking of the row with its value; None without that value."""
        return ranked_value(self.scores, self.protocol)

    @property
    def order(self) -> tuple[int, float]:
        """Sort by this to have the best first, as a generator gets a worse score with fewer images: rows that were
        scored with more images come first, then those with a better score."""
        key = self.ranked[0].key(self.ranked[1]) if self.ranked else math.inf
        return -int(self.protocol.get("fake_pictures", 0)), key

    @property
    def points(self) -> list[CurvePoint]:
        """The scores on the way that have the value which ranks the row."""
        name = self.ranking.value if self.ranking else ""
        return [CurvePoint(p["kimg"], p["seconds"], p[name], p["fakes"]) for p in self.curve if name in p]


def write_record(file: Path, record: Record) -> None:
    """Write a record whole or not at all. Raises GanzooError where it does not follow its own schema."""
    content = json.loads(json.dumps(asdict(record), allow_nan=False))
    _check(content, str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(sealed(content), indent=1) + "\n")


def read_record(file: Path) -> Record:
    """Read and check a record. Raises Damaged where it is none any more or was changed, GanzooError for the rest."""
    try:
        content = parse_json(file.read_bytes())
    except OSError as error:
        raise GanzooError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"{file} is not a record: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or DIGEST not in content:
        raise Damaged(f"{file} is not a record: it has no digest")
    if content["schema"] != SCHEMA if "schema" in content else True:
        raise GanzooError(f"{file} has schema {content.get('schema')}, this version reads {SCHEMA}; update ganzoo")
    try:
        found = digest_of(content)
    except ValueError as error:
        raise GanzooError(f"{file} holds a number that is not finite") from error
    if found != content[DIGEST]:
        raise Damaged(f"{file} was changed after it was written: its digest does not match; restore it")
    return _check({key: value for key, value in content.items() if key != DIGEST}, str(file))


def record_files(directory: Path) -> list[Path]:
    """Where the records under a directory lie, in the order of their names."""
    return [file for file in sorted(directory.rglob("*.json")) if file.name != GRID_FILE]


def read_records(directory: Path) -> list[Record]:
    """Every record under a directory, in the order of their names."""
    return [read_record(file) for file in record_files(directory)]


def is_older(file: Path, results: Path) -> bool:
    """Tell whether a record lies among the older grids of a directory of results."""
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
        raise GanzooError(f"{where}: a finished record names its weights")
    return record


def _is_point(point: dict[str, Any]) -> bool:
    """Whether a point of the curve has its three figures and one value, all of them numbers."""
    named = {"kimg", "seconds", "fakes"} <= point.keys() and len(point) == 4
    return named and all(map(is_number, point.values())) and isinstance(point["fakes"], int)
