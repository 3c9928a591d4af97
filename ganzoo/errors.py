"""The exceptions a user is meant to see: a line that says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path


class GanzooError(Exception):
    """Bad input or a state the user can mend. The command line prints it as one line and exits with 2."""


class RankLost(GanzooError):
    """A process of a run on several devices did not answer the others."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"lost another process of this run ({reason}); its checkpoints are good, go on with `ganzoo resume`"
        )


class TrainingFailed(GanzooError):
    """A loss or a gradient that is not finite: the run stopped, its checkpoints are good."""

    def __init__(self, part: str, step: int, recipe: str, checkpoint: Path | None) -> None:
        super().__init__(
            f"{part.replace('_', ' ')} is not finite at discriminator step {step} of {recipe}; "
            f"last good checkpoint: {checkpoint or 'none'}; "
            "try a lower optimizer.*.lr, loop.clip_grad=1 or loop.precision=float32"
        )
