"""Writes a run for publication: the files of :mod:`ganzoo.runs.publish`, a model card and a grid of images.

README.md         the model card
samples.png       images from seed 0

The result is a run directory, so ``ganzoo sample``, ``eval`` and ``export`` can read it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ganzoo.config.resolve import resolve
from ganzoo.drawing import takes_labels
from ganzoo.models.sampling import grid, sample, save_image
from ganzoo.plugin.registry import Registry
from ganzoo.runs.publish import publish
from ganzoo.runs.reproduce import data_setting, repeat_command
from ganzoo.utils.files import write_text
from ganzoo_hub.card import COLUMNS, Facts, write_card

logger = logging.getLogger(f"ganzoo.{__name__}")
SAMPLES = "samples.png"


def write_publication(registry: Registry, path: Path, checkpoint: str, address: str, place: Path) -> None:
    """Write the files that publish a run's checkpoint as ``address`` into the empty directory ``place``.

    The caveats of the card are logged as warnings. Raises GanzooError if the run cannot be loaded or the directory is
    not empty.
    """
    run = publish(registry, path, checkpoint, place)
    defaults = resolve(registry, str(run.config.recipe), None, [data_setting(run.config)])
    facts = Facts(
        address=address,
        config=run.config,
        image=run.generator.image,
        shown=run.shown,
        needs=run.needs,
        score=run.score,
        origin=run.origin,
        repeat=repeat_command(run.config, defaults),
        samples=SAMPLES,
        conditional=takes_labels(run.generator),
        class_names=run.class_names,
    )
    for caveat in facts.caveats:
        logger.warning(f"{path}: {caveat} The card says so.")
    images = torch.cat(list(sample(run.generator, COLUMNS**2, seed=0)))
    save_image(grid(images, COLUMNS), place / SAMPLES)
    write_text(place / "README.md", write_card(facts))
