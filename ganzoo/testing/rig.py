"""A training loop around the part that is checked: the real one, on discs, with stand-ins for all other parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.dataset import Images
from ganzoo.data.loader import Feed
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.testing.stand_ins import NAME
from ganzoo.training.callbacks import Callback
from ganzoo.training.loop import Loop

BATCH = 8
# float32, so that what the processor can do decides nothing.
SETTINGS = (f"data.name={NAME}", "loop.device=cpu", "loop.precision=float32", f"loop.batch={BATCH}", "metrics.names=[]")
# How the settings begin that parts read.
SETTABLE = (
    "generator.",
    "discriminator.",
    "loss.",
    "penalties.",
    "augmentation.",
    "step.",
    "optimizer.",
    "data.options.",
    "metrics.weights=",
)
OF_RUNS = ("data.", "metrics.", "loop.", "ema.", "seed=")  # settings of a run that change no check


class Rig:
    """``settings``: KEY=VALUE of the user's, which make an architecture smaller for its checks.

    Raises GanzooError for what is no setting at all.
    """

    def __init__(self, registry: Registry, settings: Iterable[str] = ()) -> None:
        self.registry, self.settings = registry, tuple(settings)
        for text in self.settings:
            if not text.startswith((*SETTABLE, *OF_RUNS)):
                raise GanzooError(f"{text} is no setting; begin a part's parameter with {', '.join(SETTABLE)}")

    def config(self, recipe: str, *settings: str) -> Config:
        """As a run would have it. Raises GanzooError."""
        return resolve(self.registry, recipe, None, [*SETTINGS, *settings])

    def loop(
        self,
        config: Config,
        images: Images,
        directory: RunDir | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Loop:
        """Ready to train. Until something is logged or saved, no directory is needed."""
        return Loop(
            config,
            build_model(config, images.spec),
            Feed(images, config.values.loop.batch, 0, "cpu"),
            directory or RunDir(Path("unused")),
            torch.device("cpu"),
            callbacks,
        )
