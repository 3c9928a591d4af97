"""Images that a run's generator draws."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ganzoo.config.schema import Config
from ganzoo.data.factory import open_configured
from ganzoo.data.sources import NONE, make_source
from ganzoo.errors import GanzooError
from ganzoo.metrics.fakes import QUANTISATION, fake_images
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import data_root
from ganzoo_score.side import Side


@dataclass(frozen=True)
class Drawing:
    """How a run's generator is sampled. samples: number of images; None: as many as the run is scored with."""

    samples: int | None = None
    seed: int = 0
    checkpoint: str = "latest"
    truncation: float = 1.0


def open_run(path: Path, title: str, drawing: Drawing, registry: Registry, device: torch.device) -> Side:
    """Open a run: its averaged generator draws the images. Raises GanzooError for a damaged run or a missing plugin.

    A conditional generator draws classes as frequently as the training set has them.
    """
    directory = RunDir.open(path)
    config = load_config(registry, directory)
    found = directory.checkpoint(drawing.checkpoint)
    generator = restore_generator(config, found, device)
    labels = open_configured(config).labels if generator.conditional else None
    count = config.values.metrics.fakes if drawing.samples is None else drawing.samples
    read = partial(fake_images, generator, count, drawing.seed, labels, drawing.truncation)
    described = {
        "checkpoint": found.path.name,
        "truncation": drawing.truncation,
        "quantisation": QUANTISATION,
        "classes": "drawn from the training set's labels" if generator.conditional else "none",
    }
    return Side(title, count, read=read, described=described, trained_on=_training_content(config))


def _training_content(config: Config) -> str:
    """Hash of the training images' content; "" if they are not here."""
    data = config.values.data
    with suppress(GanzooError):
        source = make_source(
            config.dataset, config.location, data_root(data.root), data.split, params=data.params, labels=NONE
        )
        return source.content_key()
    return ""


__all__ = ["Drawing", "open_run"]
