"""Start and resume runs with the hooks of a registry's plugins, as the Python API does, and write untrained runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from ganzoo.config.schema import Config
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import write_checkpoint
from ganzoo.runs.load import load_config
from ganzoo.runs.run_dir import RunDir
from ganzoo.training import run
from ganzoo.training.callbacks import Callback, Hooks
from ganzoo.training.run import Outcome
from ganzoo.utils.safe_yaml import write_yaml


def start(registry: Registry, config: Config, *callbacks: Callback, **options: Any) -> Outcome:
    """Train and score a configuration."""
    return run.start(config, *callbacks, Hooks(registry), **options)


def resume(registry: Registry, path: Path, *callbacks: Callback, **options: Any) -> Outcome:
    """Resume a run."""
    config = load_config(registry, RunDir.open(path), scoring=True)
    return run.resume(config, path, *callbacks, Hooks(registry), **options)


def write_untrained(
    path: Path,
    *,
    recipe: str = "mlp+minimax",
    data: str = "fashion-10k",
    kimg: float = 3,
    budget: float = 3,
    scores: Iterable[float] = (),
    changed: float | None = None,
) -> RunDir:
    """Write the files of a run that reached ``kimg``: a log record and a checkpoint for every 1,000 images.

    scores: the FID of the first checkpoints. changed: the modification time of its files, in seconds since 1970.
    """
    directory = RunDir(path)
    path.mkdir(parents=True)
    directory.begin(write_yaml({"recipe": recipe, "seed": 0, "data": {"name": data}, "loop": {"kimg": budget}}))
    for shown in range(1000, int(kimg * 1000) + 1, 1000):
        directory.append(directory.log_file, {"kimg": shown / 1000, "shown": shown})
        directory.checkpoints.mkdir(exist_ok=True)
        write_checkpoint(directory.checkpoints, {"shown": shown}, {"ema": nn.Linear(2, 2)}, {})
    protocol = {"ranked_by": {"value": "fid", "lower_is_better": True}}
    for place, fid in enumerate(scores, 1):
        name, score = f"kimg{place:010.3f}", {"values": {"fid": fid}, "protocol": protocol, "seconds": 1.0}
        directory.append(directory.scores_file, {"shown": place * 1000, "kimg": place, "checkpoint": name, **score})
        directory.score_file.write_text(json.dumps(score))
    for file in path.iterdir() if changed is not None else ():
        os.utime(file, (changed, changed))
    return directory
