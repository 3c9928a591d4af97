"""The real training loop around the part under check, on discs, with stand-ins for all other parts."""

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
# float32, so that the checks do not depend on the processor's precisions.
SETTINGS = (f"data.name={NAME}", "loop.device=cpu", "loop.precision=float32", f"loop.batch={BATCH}", "metrics.names=[]")
# The prefixes of the settings that parts read.
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
OF_RUNS = ("data.", "metrics.", "loop.", "ema.", "seed=")  # prefixes of run settings that do not affect the checks


class Rig:
    """A builder of loops with the user's KEY=VALUE ``settings``, which can make an architecture smaller for its checks.

    Raises GanzooError if a text is not a setting.
    """

    def __init__(self, registry: Registry, settings: Iterable[str] = ()) -> None:
        self.registry, self.settings = registry, tuple(settings)
        for text in self.settings:
            if not text.startswith((*SETTABLE, *OF_RUNS)):
                raise GanzooError(f"{text} is not a setting; begin a part's parameter with {', '.join(SETTABLE)}")

    def config(self, recipe: str, *settings: str) -> Config:
        """Return the configuration of a run with these settings. Raises GanzooError if it is invalid."""
        return resolve(self.registry, recipe, None, [*SETTINGS, *settings])

    def loop(
        self,
        config: Config,
        images: Images,
        directory: RunDir | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Loop:
        """Return a loop that is ready to train. It needs no directory until something is logged or saved."""
        return Loop(
            config,
            build_model(config, images.spec),
            Feed(images, config.values.loop.batch, 0, "cpu"),
            directory or RunDir(Path("unused")),
            torch.device("cpu"),
            callbacks,
        )
