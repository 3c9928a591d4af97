"""The hooks. A plugin is a module with some of these, marked with ``@ganzoo.hookimpl``, and one
entry point in the group ``ganzoo`` that names the module.

Registration hooks get a ``register`` callback and must not import torch: entries name their classes
by import string. Life-cycle hooks only watch: one that raises is reported and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    StoreEntry,
    WeightsEntry,
)

if TYPE_CHECKING:
    from PIL.Image import Image

hookspec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")
CORE_COMMANDS = frozenset({"run", "resume", "eval", "sample", "bench", "list", "info", "plugins"}) | frozenset(
    {"runs", "clean", "env", "doctor", "completion"}
)


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
    """Register changes to the images that the discriminator is shown."""


@hookspec
def register_steps(register: Callable[[StepEntry], None]) -> None:
    """Register other orders of updates, and games with further networks."""


@hookspec
def register_optimizers(register: Callable[[OptimizerEntry], None]) -> None:
    """Register optimizers."""


@hookspec
def register_datasets(register: Callable[[DatasetEntry], None]) -> None:
    """Register sources of images."""


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
def register_weights(register: Callable[[WeightsEntry], None]) -> None:
    """Register trained generators."""


# The life-cycle hooks. The first rank calls each of them, after the terminal's display has shown the event.


@hookspec
def run_started(run: Path, config: Mapping[str, Any]) -> None:
    """A run begins or resumes: its directory and its resolved configuration, which ``config.yaml`` holds by now."""


@hookspec
def interval_logged(run: Path, record: Mapping[str, Any]) -> None:
    """A log interval ended: the record, after it was appended to ``log.jsonl``."""


@hookspec
def snapshot_taken(run: Path, kimg: float, image: Image) -> None:
    """The grid of generated images, a PIL image, was written to ``samples/``; ``checkpoint_written`` follows.

    A run that was stopped between its checkpoint and the snapshot takes the snapshot when it resumes.
    """


@hookspec
def checkpoint_written(run: Path, checkpoint: Path, kimg: float) -> None:
    """A checkpoint and its snapshot are complete on disk, and older checkpoints are removed."""


@hookspec
def scored(run: Path, kimg: float, score: Mapping[str, Any]) -> None:
    """A checkpoint was scored: values and protocol, after they were written to ``scores.jsonl`` and ``score.json``.

    Called for each score during training and for the final one, before ``run_finished``; not for one that is known.
    """


@hookspec
def run_finished(run: Path, score: Mapping[str, Any]) -> None:
    """The run reached its budget: the content of ``score.json``, empty if no score could be computed.

    Called after the run's lock is released and the signals' handlers are restored: Ctrl-C ends the process.
    """


@hookspec
def run_stopped(run: Path, reason: str) -> None:
    """A run that started ended before its budget.

    reason: ``interrupted`` (Ctrl-C), ``preempted`` (SIGTERM), or the error in one line, such as a loss that is not
    finite or a full disk. Called as late as ``run_finished``; not after a second Ctrl-C, which ends the process at
    once, nor after an error before ``run_started``.
    """
