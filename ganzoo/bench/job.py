"""A piece of work for a launcher: train and score one cell, or measure its speed. Plain data, fit to be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ganzoo.bench.grid import Cell
from ganzoo.utils.files import write_text

RECORD, SAMPLES, WEIGHTS, SPEED, NEIGHBOURS = (
    "record.json", "samples.png", "weights.safetensors", "speed.json", "neighbours",
)  # fmt: skip


JOB_FILE = ".job.json"  # with the job's purpose before it


@dataclass(frozen=True)
class Job:
    """``purpose`` "train" leaves a record, samples and weights in ``directory``; "calibrate" leaves the speed.

    budget: what the record says of it. settings: the configuration beside recipe, data, seed and kimg.
    plugins: the text of each plugin that is a single file, by the file's name: a worker may not see the file, and one
        that is changed meanwhile must not change half of a grid.
    """

    purpose: Literal["train", "calibrate"]
    grid: str
    cell: Cell
    directory: Path
    settings: tuple[str, ...] = ()
    budget: Mapping[str, float | None] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)

    @property
    def result(self) -> Path:
        """The file that says the job is done."""
        return self.directory / (RECORD if self.purpose == "train" else SPEED)

    @property
    def all_settings(self) -> list[str]:
        """KEY=VALUE for the resolver."""
        own = [f"data.name={self.cell.data}", f"seed={self.cell.seed}"]
        return [*self.settings, *own, *([f"loop.kimg={self.budget['kimg']}"] if "kimg" in self.budget else [])]

    def write(self) -> Path:
        """Write the job into its directory; the file."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / f"{self.purpose}{JOB_FILE}"
        content = {**asdict(self), "folder": str(self.directory)}  # files keep their keys
        del content["directory"]
        write_text(file, json.dumps(content, indent=1) + "\n")
        return file

    def write_plugins(self) -> list[Path]:
        """Write the plugins that are single files into its directory; the files."""
        directory = self.directory / "plugins"
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self.plugins.items():
            write_text(directory / name, text)
        return [directory / name for name in self.plugins]

    @classmethod
    def read(cls, file: Path) -> Job:
        """A job that was written."""
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        content["directory"] = content.pop("folder")
        return cls(
            **{
                **content,
                "cell": Cell(**content["cell"]),
                "directory": Path(content["directory"]),
                "settings": tuple(content["settings"]),
            }
        )


def is_of_job(run: Path) -> bool:
    """Tell whether a run belongs to a job, whose directory holds it."""
    return any(run.parent.glob(f"*{JOB_FILE}"))
