"""The images of the game and the discriminator's verdict on each, as the run saved them at a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.image_grid import read_grid, sheet
from ganzoo_report.story import Judged, Verdicts, read_verdicts

COLUMNS = 16


@dataclass(frozen=True)
class Game:
    """The game of one checkpoint.

    images: uint8 ``(N, H, W, 3)``, first the generated ones, then the real ones. verdicts: in the same order.
    """

    images: np.ndarray
    verdicts: Verdicts

    @property
    def sheet(self) -> Image.Image:
        """All images on one sheet, ``COLUMNS`` in a row, without gaps."""
        return sheet(self.images, COLUMNS)

    def data(self) -> Mapping[str, Any]:
        """Return the page's data: for each image whether it is real, whether it was taken for real, and its value."""
        verdicts = self.verdicts
        return {
            "columns": COLUMNS,
            "probability": verdicts.probability,
            "border": verdicts.zero_is_border,
            "images": [*_said(verdicts.fake, 0), *_said(verdicts.real, 1)],
        }


def read_game(directory: RunDir, checkpoint: str) -> Game | None:
    """Return the game of a checkpoint; None if the run kept no images or verdicts for it, or they are damaged."""
    fake = read_grid(directory.samples / f"{checkpoint}.png")
    real = read_grid(directory.verdicts / "real.png")
    verdicts = read_verdicts(directory.verdicts / f"{checkpoint}.json")
    if fake is None or real is None or verdicts is None or fake.shape != real.shape:
        return None
    if len(verdicts.fake) != len(fake) or len(verdicts.real) != len(real):
        return None
    return Game(np.concatenate([fake, real]), verdicts)


def _said(judged: Sequence[Judged], real: int) -> list[list[float]]:
    return [[real, int(one.real), round(one.value, 4)] for one in judged]
