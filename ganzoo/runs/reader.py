"""Read a run's training from its directory, for the report. The input is untrusted: damaged values are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.runs.by_class import read_by_class
from ganzoo.runs.ranking import Ranking, comparable, read_ranking
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.run_path import kimg_of_checkpoints
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.safe_yaml import is_number, parse_yaml

Record = Mapping[str, float]


@dataclass(frozen=True)
class Facts:
    """A run's training, as its directory holds it.

    path: the run's directory. log, scores: figures by name, each with ``kimg``, oldest first; scores that are not
    comparable with the newest are left out. config: the parsed configuration. config_text: its text. provenance:
    software, machine and data. ranking: the newest score's ranking; None if there are no scores. by_class: the newest
    score's per-class values. kimg_kept: the kimg of the newest checkpoint. published: whether that holds the averaged
    generator alone, so that the run cannot be resumed.
    """

    path: Path
    log: tuple[Record, ...] = ()
    scores: tuple[Record, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    config_text: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    ranking: Ranking | None = None
    by_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    kimg_kept: float = 0.0
    published: bool = False

    @property
    def ranked(self) -> list[tuple[float, float]]:
        """The kimg and the ranked value of each score that has one, oldest first."""
        name = self.ranking.value if self.ranking else ""
        return [(record["kimg"], record[name]) for record in self.scores if name in record]

    def setting(self, dotted: str) -> Any:
        """Return a setting of the run; None if it is missing."""
        node: Any = self.config
        for key in dotted.split("."):
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def number(self, dotted: str) -> float | None:
        """Return a setting that is a finite number; None if it is missing or anything else."""
        value = self.setting(dotted)
        return float(value) if is_number(value) else None

    @property
    def recipe(self) -> str:
        return str(self.setting("recipe") or self.path.name)

    @property
    def kimg(self) -> float:
        """The kimg that the run has reached. A published run has no log."""
        return self.log[-1]["kimg"] if self.log else self.kimg_kept

    @property
    def finished(self) -> bool:
        """Whether the run has reached its budget."""
        budget = self.number("loop.kimg")
        return budget is not None and self.kimg >= budget

    @property
    def resumable(self) -> bool:
        """Whether training can go on: the run is neither finished nor published."""
        return not (self.finished or self.published)


def read_facts(directory: RunDir) -> Facts:
    """Read everything that a run's directory holds. Raises OSError if the configuration cannot be read."""
    latest = directory.latest()
    config_text = directory.config_file.read_text(encoding="utf-8", errors="replace")
    try:
        config = parse_yaml(config_text)
    except ValueError:
        config = None
    records = comparable(_records(directory.scores_file))
    scores = (
        {"kimg": record.get("kimg"), **values} for record in records if isinstance(values := record.get("values"), dict)
    )
    rankings = (read_ranking(record.get("values"), record.get("protocol")) for record in reversed(records))
    return Facts(
        directory.path,
        tuple(_figures(_records(directory.log_file))),
        tuple(_figures(scores)),
        config if isinstance(config, dict) else {},
        config_text,
        directory.provenance(),
        next(filter(None, rankings), None),
        read_by_class(records[-1]) if records else {},
        kimg_of_checkpoints(directory.path),
        latest is not None and latest.published,
    )


def _records(file: Path) -> list[dict[str, Any]]:
    try:
        return read_jsonl(file)
    except OSError:
        return []


def _figures(records: Iterable[Mapping[str, Any]]) -> Iterable[Record]:
    """Yield the finite numbers of each record that has ``kimg``."""
    for record in records:
        figures = {name: float(value) for name, value in record.items() if is_number(value)}
        if "kimg" in figures:
            yield figures
