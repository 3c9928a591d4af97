"""Follows runs and writes event files for TensorBoard. It registers nothing: installing it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl

if TYPE_CHECKING:
    from ganzoo_tensorboard.events import Events

_watched: dict[Path, Events] = {}  # a run whose start was missed is ignored


@hookimpl
def run_started(run: Path, config: Mapping[str, Any]) -> None:
    from ganzoo_tensorboard.events import Events

    if run in _watched:  # stopped and resumed in one process
        _watched.pop(run).close()
    _watched[run] = Events(run, config)


@hookimpl
def interval_logged(run: Path, record: Mapping[str, Any]) -> None:
    if run in _watched:
        _watched[run].interval(record)


@hookimpl
def checkpoint_written(run: Path, checkpoint: Path, kimg: float) -> None:
    if run in _watched:
        _watched[run].checkpoint(checkpoint.name)


@hookimpl
def run_finished(run: Path, score: Mapping[str, Any]) -> None:
    if run in _watched:
        _watched.pop(run).finish()
