"""A run's directory as event files: what its logs, scores and sample grids say, each thing once.

A step is the number of real images shown to the discriminator, as everywhere in a run's directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from ganzoo.runs.checkpoint import PREFIX
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import read_jsonl

COUNTERS = frozenset(("kimg", "shown", "steps_d", "steps_g"))  # of a log record: the axis, not the curve


class Events:
    """Writes into the run's own directory, flushed after every call, so that a kill loses nothing that was written.

    A resumed run goes on from its newest checkpoint. Whatever the event files hold from there on is purged and said
    anew, from the run's directory; where they hold nothing yet, all that the directory tells of is written.
    """

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        self.directory = RunDir.open(run)
        latest = self.directory.latest()
        resumed = any(run.glob("events.out.tfevents.*"))
        since = latest.meta["shown"] if latest and resumed else 0
        self.scored = since - 1  # the last step whose scores are written
        self.writer = SummaryWriter(str(run), purge_step=since if resumed else None)
        # Without the first of the three TensorBoard finds settings and metrics itself, over runs that differ in both.
        _, begin, self.end = hparams(flatten(config), {})
        if since == 0:
            self._add(begin, 0)
        for record in read_jsonl(self.directory.log_file):
            if record["shown"] >= since:
                self._scalars(record)
        for grid in sorted(self.directory.samples.glob(f"{PREFIX}*.png")):
            if latest and since <= _shown(grid.stem) <= latest.meta["shown"]:
                self._samples(grid)
        self._scores()
        self.writer.flush()

    def interval(self, record: Mapping[str, Any]) -> None:
        """A log record, and the scores that came before it."""
        self._scalars(record)
        self._scores()
        self.writer.flush()

    def checkpoint(self, name: str) -> None:
        """The sample grid of a checkpoint."""
        self._samples(self.directory.samples / f"{name}.png")
        self.writer.flush()

    def finish(self) -> None:
        """The last scores and the end."""
        self._scores()
        latest = self.directory.latest()
        self._add(self.end, latest.meta["shown"] if latest else 0)
        self.close()

    def close(self) -> None:
        """Nothing more will be written."""
        self.writer.close()

    def _add(self, summary: Any, step: int) -> None:
        """A summary as it is."""
        file: Any = getattr(self.writer, "file_writer")  # noqa: B009  its type says None
        file.add_summary(summary, step)

    def _scalars(self, record: Mapping[str, Any]) -> None:
        for name, value in record.items():
            if name not in COUNTERS and isinstance(value, Real):
                self.writer.add_scalar(f"train/{name}", value, record["shown"])

    def _samples(self, grid: Path) -> None:
        pixels = np.asarray(Image.open(grid).convert("RGB"))
        self.writer.add_image("samples", pixels, _shown(grid.stem), dataformats="HWC")

    def _scores(self) -> None:
        for record in read_jsonl(self.directory.scores_file):
            if record["shown"] > self.scored:
                self.scored = record["shown"]
                for name, value in record["values"].items():
                    self.writer.add_scalar(f"score/{name}", value, record["shown"])


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, float | str]:
    """Settings by their dotted keys: numbers, and all else as text; what is ``null`` is left out."""
    flat: dict[str, float | str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif value is not None:
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            flat[f"{prefix}{key}"] = value if number else str(value)
    return flat


def _shown(checkpoint: str) -> int:
    """Images shown, from a checkpoint's name, which counts thousands to three places."""
    return round(float(checkpoint.removeprefix(PREFIX)) * 1000)
