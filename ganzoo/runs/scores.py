"""The scores of a run's checkpoints, each recorded with the settings that it was computed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganzoo.config.schema import MetricsConfig
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.run_dir import RunDir

SETTINGS = ("names", "fakes", "seed", "reference", "weights", "inception")  # of ``metrics``: they decide the values


def known_score(directory: RunDir, checkpoint: Checkpoint, metrics: MetricsConfig, mode: str) -> dict[str, Any]:
    """Return the score that a checkpoint got with these settings, or {}."""
    return directory.score_of(checkpoint.path.name, _asked(metrics, mode))


def record_score(
    directory: RunDir, checkpoint: Checkpoint, metrics: MetricsConfig, mode: str, result: Mapping[str, Any]
) -> None:
    """Add a score to the file of all scores of the run."""
    place = {"shown": checkpoint.meta["shown"], "kimg": checkpoint.kimg, "checkpoint": checkpoint.path.name}
    directory.append(directory.scores_file, {**place, "asked": _asked(metrics, mode), **result})


def _asked(metrics: MetricsConfig, mode: str) -> dict[str, Any]:
    return {"mode": mode, **{name: getattr(metrics, name) for name in SETTINGS}}
