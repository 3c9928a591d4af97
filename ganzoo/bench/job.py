"""A job for a launcher: train and score one cell, or measure its speed.

A job is plain data, which can be sent to another machine.
"""

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


JOB_FILE = ".job.json"  # the suffix of its name; the job's purpose comes first


@dataclass(frozen=True)
class Job:
    """A job with the purpose "train" or "calibrate".

    "train" writes a record, samples and weights into ``directory``; "calibrate" writes the speed.

    budget: the budget as the record gives it. settings: the settings other than recipe, data, seed and kimg.
    plugins: the text of each plugin that is a single file, by the file's name. A worker may not have access to the
        file, and a change to the file during the benchmark must not affect half of a grid.
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
        """The file whose existence shows that the job is done."""
        return self.directory / (RECORD if self.purpose == "train" else SPEED)

    @property
    def all_settings(self) -> list[str]:
        """All settings of the job as KEY=VALUE, for the resolver."""
        own = [f"data.name={self.cell.data}", f"seed={self.cell.seed}"]
        return [*self.settings, *own, *([f"loop.kimg={self.budget['kimg']}"] if "kimg" in self.budget else [])]

    def write(self) -> Path:
        """Write the job into its directory and return the file."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / f"{self.purpose}{JOB_FILE}"
        content = {**asdict(self), "folder": str(self.directory)}  # the key in existing files
        del content["directory"]
        write_text(file, json.dumps(content, indent=1) + "\n")
        return file

    def write_plugins(self) -> list[Path]:
        """Write the plugins that are single files into the job's directory and return the files."""
        directory = self.directory / "plugins"
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self.plugins.items():
            write_text(directory / name, text)
        return [directory / name for name in self.plugins]

    @classmethod
    def read(cls, file: Path) -> Job:
        """Read a job that :meth:`write` wrote."""
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
    """Return whether a run belongs to a job, that is, whether it is in a job's directory."""
    return any(run.parent.glob(f"*{JOB_FILE}"))
