"""The hooks of plugins.

A plugin is a module that implements some of these functions, marked with ``@ganzoo.hookimpl``, and one entry point in
the group ``ganzoo`` that names the module. Registration hooks receive a ``register`` callback and must not import
torch: entries refer to their classes by import strings. Life-cycle hooks only observe: if one raises, the error is
reported and the run continues.
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
    """Register different orders of updates, and games with further networks."""


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
    """Register metrics."""


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


# The life-cycle hooks. Only the first rank calls them, each after the terminal's display has shown the event.


@hookspec
def run_started(run: Path, config: Mapping[str, Any]) -> None:
    """A run starts or resumes. ``config`` is its resolved configuration, which is already in ``config.yaml``."""


@hookspec
def interval_logged(run: Path, record: Mapping[str, Any]) -> None:
    """A log interval ended, and its record was appended to ``log.jsonl``."""


@hookspec
def snapshot_taken(run: Path, kimg: float, image: Image) -> None:
    """The grid of generated images, a PIL image, was written to ``samples/``; ``checkpoint_written`` follows.

    If a run stops between a checkpoint and its snapshot, it takes the snapshot when it resumes.
    """


@hookspec
def checkpoint_written(run: Path, checkpoint: Path, kimg: float) -> None:
    """A checkpoint and its snapshot were written, and older checkpoints were removed."""


@hookspec
def scored(run: Path, kimg: float, score: Mapping[str, Any]) -> None:
    """A checkpoint was scored, and its score was written to ``scores.jsonl`` and ``score.json``.

    ``score`` holds the values and the protocol. Called for each score during training and for the final score, before
    ``run_finished``; not called for a score that is already known.
    """


@hookspec
def run_finished(run: Path, score: Mapping[str, Any]) -> None:
    """The run reached its budget. ``score`` is the content of ``score.json``, empty if no score could be computed.

    Called after the run's lock is released and the signal handlers are restored, so Ctrl-C ends the process.
    """


@hookspec
def run_stopped(run: Path, reason: str) -> None:
    """A started run ended before it reached its budget.

    reason: ``interrupted`` (Ctrl-C), ``preempted`` (SIGTERM), or the error in one line, such as a loss that is not
    finite or a full disk. Called at the same point as ``run_finished``. Not called after a second Ctrl-C, which ends
    the process at once, nor after an error before ``run_started``.
    """
