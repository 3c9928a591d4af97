"""Opens a run as a side of a score: its generator draws the images."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ganzoo.config.schema import Config
from ganzoo.data.factory import open_configured
from ganzoo.data.sources import NONE, make_source
from ganzoo.drawing import takes_labels
from ganzoo.errors import GanzooError
from ganzoo.metrics.fakes import QUANTISATION, fake_images
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import data_root
from ganzoo_score.side import Side


@dataclass(frozen=True)
class Drawing:
    """The way a run's generator is sampled. samples: the number of images; None for the run's ``metrics.fakes``."""

    samples: int | None = None
    seed: int = 0
    checkpoint: str = "latest"
    truncation: float = 1.0


def open_run(path: Path, title: str, drawing: Drawing, registry: Registry, device: torch.device) -> Side:
    """Open a run, whose averaged generator draws the images.

    A conditional generator draws classes as frequently as the training set has them. Raises GanzooError if the run is
    damaged or a plugin is missing.
    """
    directory = RunDir.open(path)
    config = load_config(registry, directory)
    found = directory.checkpoint(drawing.checkpoint)
    generator = restore_generator(config, found, device)
    labels = open_configured(config).labels if takes_labels(generator) else None
    count = config.values.metrics.fakes if drawing.samples is None else drawing.samples
    read = partial(fake_images, generator, count, drawing.seed, labels, drawing.truncation)
    described = {
        "checkpoint": found.path.name,
        "truncation": drawing.truncation,
        "quantisation": QUANTISATION,
        "classes": "drawn from the training set's labels" if takes_labels(generator) else "none",
    }
    return Side(title, count, read=read, described=described, trained_on=partial(_is_training_set, config))


def _is_training_set(config: Config, other: Side) -> bool:
    """Return whether a side holds the training images; False if they are not on this machine. Downloads nothing."""
    data = config.values.data
    if not other.content or not (config.dataset.takes_location or other.title.split(":")[0] == config.dataset.name):
        return False
    with suppress(GanzooError):
        source = make_source(
            config.dataset, config.location, data_root(data.root), data.split, params=data.params, labels=NONE
        )
        return source.content_key() == other.content
    return False


__all__ = ["Drawing", "open_run"]
