"""Runs with the hooks of a registry's plugins, as the Python API begins and resumes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.config.schema import Config
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config
from ganzoo.runs.run_dir import RunDir
from ganzoo.training import run
from ganzoo.training.callbacks import Callback, Hooks
from ganzoo.training.run import Outcome


def start(registry: Registry, config: Config, *callbacks: Callback, **options: Any) -> Outcome:
    """Train and score a configuration."""
    return run.start(config, *callbacks, Hooks(registry), **options)


def resume(registry: Registry, path: Path, *callbacks: Callback, **options: Any) -> Outcome:
    """Go on with a run."""
    config = load_config(registry, RunDir.open(path), scoring=True)
    return run.resume(config, path, *callbacks, Hooks(registry), **options)
