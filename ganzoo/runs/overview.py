"""List the runs in a directory, without torch. The input is untrusted: damaged values are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.runs.ranking import Ranking, read_ranking
from ganzoo.runs.run_path import CONFIG, is_run, kimg_of_checkpoints
from ganzoo.utils.files import regular
from ganzoo.utils.lock import is_held
from ganzoo.utils.safe_yaml import is_number, parse_json, parse_yaml, read_text

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"
DEEPEST = 4  # levels below the given directory that are searched; a benchmark's rows are three deep
TAIL = 2**16  # bytes read from the end of a log
MOST_JSON = 2**22  # most bytes read of a score


@dataclass(frozen=True)
class RunRow:
    """One run.

    kimg: the kimg it has reached. budget: the kimg it trains for; None if its configuration lacks it. changed: the time
    of its last write, in seconds since 1970. values: those of its last score, by name. ranking: which of them ranks the
    run; None if there is no score.
    """

    path: Path
    recipe: str
    data: str
    state: str
    kimg: float
    budget: float | None
    changed: float
    values: Mapping[str, float] = field(default_factory=dict)
    ranking: Ranking | None = None

    @property
    def score(self) -> float | None:
        """The value that ranks the run; None if it has none."""
        return self.ranking.of(self.values) if self.ranking else None


@dataclass
class Overview:
    """The runs in a directory, the last changed first. skipped: directories without a readable run."""

    rows: list[RunRow] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


def look_through(directory: Path) -> Overview:
    """Find the runs in a directory, or read the directory itself if it is a run. Links to directories are not
    followed."""
    found = Overview()
    if is_run(directory):
        _add(directory, found)
    else:
        _search(directory, found, DEEPEST)
    found.rows.sort(key=lambda row: row.changed, reverse=True)
    return found


def read_row(path: Path) -> RunRow | None:
    """Read one run; None if its configuration cannot be read."""
    try:
        config = parse_yaml(read_text(regular(path / CONFIG)))
    except (OSError, ValueError):
        return None
    recipe = _setting(config, "recipe")
    if not isinstance(recipe, str):
        return None
    data, budget = _setting(config, "data", "name"), _setting(config, "loop", "kimg")
    kimg = _kimg(path / "log.jsonl") or kimg_of_checkpoints(path)  # a published run has no log
    limit = float(budget) if is_number(budget) else None
    reached = limit is not None and kimg >= limit
    state = RUNNING if is_held(path) else FINISHED if reached else STOPPED
    values, ranking = _score(path / "score.json")
    name = data if isinstance(data, str) else ""
    return RunRow(path, recipe, name, state, kimg, limit, _changed(path), values, ranking)


def _add(path: Path, found: Overview) -> None:
    row = read_row(path)
    if row is None:
        found.skipped.append(path)
    else:
        found.rows.append(row)


def _search(directory: Path, found: Overview, depth: int) -> bool:
    """Add the runs below a directory; return whether it has any, damaged or not."""
    seen = False
    for path in _directories(directory):
        if is_run(path):
            _add(path, found)
            seen = True
        elif depth > 1 and _search(path, found, depth - 1):
            seen = True
        elif depth == DEEPEST:
            found.skipped.append(path)
    return seen


def _directories(directory: Path) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return
    for path in entries:
        if not path.name.startswith(".") and path.is_dir() and not path.is_symlink():
            yield path


def _setting(config: Any, *keys: str) -> Any:
    for key in keys:
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _kimg(log: Path) -> float:
    """Return the kimg in the last whole line of a log; 0 if there is none."""
    try:
        with regular(log).open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL))
            lines = stream.read(TAIL).splitlines()
    except OSError:
        return 0.0
    for line in reversed(lines):
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and is_number(record.get("kimg")):
            return float(record["kimg"])
    return 0.0


def _score(file: Path) -> tuple[dict[str, float], Ranking | None]:
    try:
        with regular(file).open("rb") as stream:
            content = parse_json(stream.read(MOST_JSON))
    except (OSError, ValueError):
        return {}, None
    said = content.get("values") if isinstance(content, dict) else None
    values = {name: float(value) for name, value in said.items() if is_number(value)} if isinstance(said, dict) else {}
    return values, read_ranking(values, content.get("protocol")) if values else None


def _changed(path: Path) -> float:
    times = []
    for name in (CONFIG, "log.jsonl", "score.json"):
        try:
            times.append((path / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)
