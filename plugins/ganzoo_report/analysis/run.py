"""A closer look at the newest checkpoint, written to the run's directory for its report.

closer/nearest.png     two rows of generated images above the nearest real image of each, then two rows of real
                       images above the nearest real image of each
closer/between.png     a row of frames from each of eight latents to the next
closer/truncation.png  eight latents, each from the mean to the drawn one; only if the generator has truncation
closer/look.json       the checkpoint's name and the distances; written last

All of it depends only on the checkpoint, the data and the seed, so an interrupted look is simply taken again.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.config.schema import Config
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_configured
from ganzoo.distributed.device import pick_device
from ganzoo.errors import described
from ganzoo.interfaces import Generator
from ganzoo.metrics.extractors import source_of_first
from ganzoo.metrics.reader import Reader
from ganzoo.metrics.reference import kept_features
from ganzoo.models.sampling import grid, sample, save_image
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.provenance import fingerprint_of
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import data_root, read_jsonl, write_text
from ganzoo.utils.image_grid import GRID
from ganzoo.utils.waiting import waiting
from ganzoo_report.analysis.interpolation import between, truncated
from ganzoo_report.analysis.nearest_neighbors import Nearest, nearest
from ganzoo_report.closer import COUNT
from ganzoo_report.places import analysis_directory, analysis_file, read_analysis

logger = logging.getLogger(f"ganzoo.{__name__}")
SHEETS = ("between.png", "truncation.png", "nearest.png")
CHOSEN = 16  # real images compared by features for each query, at most


def look_or_say_why(registry: Registry, path: Path) -> None:
    """Take a closer look unless the newest checkpoint has one. Log errors: a run or a report must not fail by them."""
    try:
        with waiting("looking closer at the generator"):
            look_closer(registry, RunDir.open(path))
    except Exception as error:  # the report matters more than any error here
        logger.warning(f"no closer look at the generator: {described(error)}")


def look_closer(registry: Registry, directory: RunDir) -> None:
    """Write the files listed above for the newest checkpoint, unless they exist or there is no checkpoint.

    Raises GanzooError if the checkpoint or its data cannot be loaded.
    """
    checkpoint = directory.latest()
    if checkpoint is None or read_analysis(directory).get("checkpoint") == checkpoint.path.name:
        return
    config = load_config(registry, directory)
    device = pick_device(config.values.loop.device)
    generator = restore_generator(config, checkpoint, device)
    seed = config.values.seed
    sheets = {"between": between(generator, seed)}
    if generator.has_truncation:
        sheets["truncation"] = truncated(generator, seed)
    found = None
    real = _open(config, config.values.data.split)
    if fingerprint_of(directory.provenance()) not in (None, real.fingerprint):
        name = config.values.data.name
        logger.warning(f"the closer look leaves out the nearest real images: the images of {name} have changed")
    elif len(real) > 1:
        sheets["nearest"], found = _nearest(config, directory, generator, device, real)
    else:
        logger.info("the closer look leaves out the nearest real images: the data set has a single image")
    place = analysis_directory(directory.path)
    place.mkdir(exist_ok=True)
    for name in (*SHEETS, analysis_file(directory.path).name):  # only these: the directory may be a link
        (place / name).unlink(missing_ok=True)
    for name, images in sheets.items():
        save_image(grid(images, GRID), place / f"{name}.png")
    record = {
        "checkpoint": checkpoint.path.name,
        "shown": checkpoint.meta["shown"],
        "nearest": found,
    }
    write_text(analysis_file(directory.path), json.dumps(record))


def _nearest(
    config: Config, directory: RunDir, generator: Generator, device: torch.device, real: Images
) -> tuple[Tensor, dict[str, Any]]:
    values = config.values
    held_out, own, split = _yardstick(config, real)
    fake = torch.cat(list(sample(generator, COUNT, values.seed)))
    reader = kept = None
    if read_jsonl(directory.scores_file):  # without scores, the network may not be on this machine
        root = data_root(values.data.root)
        source = source_of_first(config.scoring, root)
        if source is not None:
            exact, fast = (Reader(source[0], mode, device, source[1:]) for mode in ("exact", "fast"))
            kept = kept_features(real, exact, root)
            reader = fast if kept is None else exact
    queries = torch.cat([fake, held_out])
    nowhere = torch.full((COUNT,), -1)
    # Few enough to cost only a small share of the run's scoring.
    chosen = min(CHOSEN, values.metrics.fakes // (10 * len(queries)))
    found = nearest(queries, torch.cat([nowhere, own]), real, values.seed, reader, kept, chosen)
    neighbours = torch.from_numpy(real.array[found.index])
    sheet = torch.cat([fake, neighbours[:COUNT], held_out, neighbours[COUNT:]])
    return sheet, _record(found, split)


def _record(found: Nearest, held_out: str) -> dict[str, Any]:
    distances = [float(f"{value:.5g}") for value in found.distance]
    return {
        "space": found.space,
        "searched": found.searched,
        "compared": found.compared,
        "held_out": held_out,
        "generated": distances[:COUNT],
        "real": distances[COUNT:],
    }


def _yardstick(config: Config, real: Images) -> tuple[Tensor, Tensor, str]:
    """Return real images to compare with, their indices in the training set (-1: not in it), and their split.

    Without a held-out split, the images come from the training set and the split is "".
    """
    data, split = config.values.data, config.dataset.reference
    others, held_out = real, ""
    if not config.dataset.takes_location and split != data.split:
        others, held_out = _open(config, split), split
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(config.values.seed))
    places = order[torch.arange(COUNT) % len(others)]
    own = torch.full_like(places, -1) if held_out else places
    return torch.from_numpy(others.array[places.numpy()]), own, held_out


def _open(config: Config, split: str) -> Images:
    return open_configured(config, split=split)


__all__ = ["look_closer", "look_or_say_why"]
