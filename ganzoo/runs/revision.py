"""The configuration that a run resumes with, which may differ from the one before."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.config.changes import Changes
from ganzoo.config.schema import Config
from ganzoo.errors import GanzooError
from ganzoo.runs.changes import changes_in_force, note_change, read_changes
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.edits import clipped
from ganzoo.utils.layers import flatten

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Revision:
    """The configuration that a run resumes with, and how it differs from the one it was trained with so far.

    edited: whether the user edited ``config.yaml``. rewrite: whether ``config.yaml`` must be written again.
    """

    config: Config
    changes: Changes = field(default_factory=dict)
    edited: bool = False
    rewrite: bool = False

    @property
    def scored_anew(self) -> bool:
        """Whether existing scores were computed with other settings."""
        return any(key.startswith("metrics.") for key in self.changes)

    def check_budget(self, newest: Checkpoint | None, path: Path) -> None:
        """Raise GanzooError if the new budget is less than the training done so far."""
        budget = self.config.values.loop.kimg
        if "loop.kimg" in self.changes and newest is not None and budget < newest.kimg:
            raise GanzooError(
                f"loop.kimg is {budget:g}, but {path} has trained for {newest.kimg:g} kimg; name that or more"
            )

    def note(self, known: Mapping[str, Any], newest: Checkpoint | None, kimg: float) -> list[dict[str, Any]]:
        """Return all changes of settings so far, for the provenance and the checkpoints; log the new ones.

        known: the provenance. newest: the checkpoint to resume from, read if the provenance holds no changes.
        """
        before = dict(flatten(self.config.as_dict())) | {key: old for key, (old, _) in self.changes.items()}
        noted = changes_in_force(read_changes(known) or read_changes(newest.meta if newest else {}), before, kimg)
        if self.changes:
            noted.append(note_change(self.changes, kimg, edited=self.edited))
            logger.info(f"from {kimg:g} kimg on: {clipped(self.changes)}")
        return noted
