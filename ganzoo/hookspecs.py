"""The hooks. A plugin is a module with some of these, marked with ``@ganzoo.hookimpl``, and one
entry point in the group ``ganzoo`` that names the module.

Registration hooks get a ``register`` callback and must not import torch: entries name their classes
by import string. Life-cycle hooks only watch: one that raises is reported and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pluggy

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    LauncherEntry,
    LossEntry,
    MetricEntry,
    PenaltyEntry,
    StoreEntry,
)

hookspec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")


@hookspec
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    """Register pairs of generator and discriminator."""


@hookspec
def register_losses(register: Callable[[LossEntry], None]) -> None:
    """Register losses."""


@hookspec
def register_penalties(register: Callable[[PenaltyEntry], None]) -> None:
    """Register penalties on the discriminator or the generator."""


@hookspec
def register_augmentations(register: Callable[[AugmentationEntry], None]) -> None:
    """Register changes to the pictures that the discriminator is shown."""


@hookspec
def register_datasets(register: Callable[[DatasetEntry], None]) -> None:
    """Register sources of pictures."""


@hookspec
def register_extractors(register: Callable[[ExtractorEntry], None]) -> None:
    """Register pretrained networks whose features metrics compare."""


@hookspec
def register_metrics(register: Callable[[MetricEntry], None]) -> None:
    """Register scores."""


@hookspec
def register_launchers(register: Callable[[LauncherEntry], None]) -> None:
    """Register places where benchmark jobs run."""


@hookspec
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    """Register commands of ``ganzoo``."""


@hookspec
def register_stores(register: Callable[[StoreEntry], None]) -> None:
    """Register places outside this machine that runs are loaded from."""


@hookspec
def run_started(run: Path, config: Mapping[str, Any]) -> None:
    """A run begins or resumes: its folder and its resolved configuration."""


@hookspec
def interval_logged(run: Path, record: Mapping[str, Any]) -> None:
    """A log interval ended: the record just written to ``log.jsonl``."""


@hookspec
def checkpoint_written(run: Path, checkpoint: Path, kimg: float) -> None:
    """A checkpoint lies complete on disk."""


@hookspec
def run_finished(run: Path, score: Mapping[str, Any]) -> None:
    """The run reached its budget: its score, empty where none could be computed."""
