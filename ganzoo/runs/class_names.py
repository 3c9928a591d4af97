"""Names of a run's classes, which its data set need not be there for."""

from __future__ import annotations

from typing import Any

from ganzoo.config.schema import Config
from ganzoo.errors import printable
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.run_dir import RunDir

CLASS_NAMES = "class_names"  # in a checkpoint's meta.json, and under "data" in provenance.json


def class_names(
    config: Config, classes: int, checkpoint: Checkpoint | None = None, directory: RunDir | None = None
) -> tuple[str, ...]:
    """Return the names of a run's classes in the order of the labels; () if they are not known or there are no labels.

    They come from the checkpoint, otherwise from the run's provenance, otherwise from the data set's entry: the first
    of these that names as many as there are ``classes``. Each may be foreign input, and what is damaged names none.
    """
    if not classes:
        return ()
    data = directory.provenance().get("data") if directory is not None else None
    noted = [
        checkpoint.meta.get(CLASS_NAMES) if checkpoint is not None else None,
        data.get(CLASS_NAMES) if isinstance(data, dict) else None,
        list(config.dataset.class_names),
    ]
    return next((names for found in noted if len(names := _read(found)) == classes), ())


def _read(noted: Any) -> tuple[str, ...]:
    if not isinstance(noted, list) or not all(isinstance(name, str) for name in noted):
        return ()
    return tuple(map(printable, noted))


__all__ = ["CLASS_NAMES", "class_names"]
