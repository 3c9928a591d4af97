"""Writes a run's log, scores and sample grids to event files, each value once.

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

COUNTERS = frozenset(("kimg", "shown", "steps_d", "steps_g"))  # fields of a log record that are axes, not curves


class Events:
    """Writes event files into the run's own directory. Every call flushes them, so a kill loses nothing written before.

    A resumed run continues from its newest checkpoint. The events from there on are purged and written again from the
    run's directory. If there are no event files yet, the whole directory is written.
    """

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        self.directory = RunDir.open(run)
        latest = self.directory.latest()
        resumed = any(run.glob("events.out.tfevents.*"))
        since = latest.meta["shown"] if latest and resumed else 0
        self.scored = since - 1  # the last step whose scores are written
        self.logged = -1  # the last step whose log record was written by :meth:`interval`
        self.writer = SummaryWriter(str(run), purge_step=since if resumed else None)
        # The first of the three summaries lists the settings and metrics. It is not written: without it, TensorBoard
        # finds them itself, even for runs with different ones.
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
        """Write a log record, and the scores that are new. After a rollback, purge what is written again."""
        if record["shown"] <= self.logged:
            self.writer.close()
            self.writer = SummaryWriter(str(self.directory.path), purge_step=record["shown"])
            self.scored = min(self.scored, record["shown"] - 1)
        self.logged = record["shown"]
        self._scalars(record)
        self._scores()
        self.writer.flush()

    def checkpoint(self, name: str) -> None:
        """Write the sample grid of a checkpoint."""
        self._samples(self.directory.samples / f"{name}.png")
        self.writer.flush()

    def finish(self) -> None:
        """Write the last scores and the end of the run, and close the file."""
        self._scores()
        latest = self.directory.latest()
        self._add(self.end, latest.meta["shown"] if latest else 0)
        self.close()

    def close(self) -> None:
        """Close the event file."""
        self.writer.close()

    def _add(self, summary: Any, step: int) -> None:
        """Write a summary unchanged."""
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
    """Return settings by their dotted keys: numbers as they are, other values as text, without those that are null."""
    flat: dict[str, float | str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif value is not None:
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            flat[f"{prefix}{key}"] = value if number else str(value)
    return flat


def _shown(checkpoint: str) -> int:
    """Return the number of images shown, from a checkpoint's name, which gives thousands with three decimals."""
    return round(float(checkpoint.removeprefix(PREFIX)) * 1000)
