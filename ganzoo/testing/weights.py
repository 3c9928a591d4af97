"""What registered weights must be: complete, readable without pickle, and as their entry describes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from ganzoo.config.schema import Config
from ganzoo.entries import StoreEntry, WeightsEntry
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.ranking import ranked_value
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.run_path import is_run
from ganzoo.runs.weights import FILE, is_packed, place_of, weights_file
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import Skipped, expect
from ganzoo.utils.checksum import sha256_of

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
COUNT = 4  # images


@dataclass
class WeightsPart:
    """Registered weights, and the run directory that holds them."""

    entry: WeightsEntry
    rig: Rig

    @cached_property
    def place(self) -> Path:
        """The run directory. Raises GanzooError if its package is not installed."""
        return place_of(self.entry)

    @cached_property
    def config(self) -> Config:
        """The settings of the run."""
        return load_config(self.rig.registry, RunDir.open(self.place))

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The latest checkpoint, which is the one that is loaded."""
        return RunDir.open(self.place).checkpoint("latest")


def present(part: WeightsPart) -> None:
    """Check that the run is complete and holds no pickle. Raises Skipped if a store has it and it is not downloaded."""
    entry = part.entry
    if not is_packed(entry):
        part.rig.registry.get(StoreEntry, entry.run.partition("://")[0])
        if not part.place.exists():
            raise Skipped(f"its weights are at {entry.run}; download them with `ganzoo sample {entry.name}`")
    expect(
        is_run(part.place), f"{part.place} is not a run directory; write it with ganzoo.pack_weights or `ganzoo push`"
    )
    file = weights_file(part.place)
    expect(file is not None, f"{part.place} has no checkpoints/NAME/{FILE}")
    pickles = sorted(path.name for path in part.place.rglob("*") if path.suffix in PICKLES)
    expect(not pickles, f"{part.place} holds {', '.join(pickles)}, which may be a pickle; leave it out")


def checksum(part: WeightsPart) -> None:
    """Check that the weights have the entry's checksum and size."""
    file = weights_file(part.place)
    assert file is not None
    found, size = sha256_of(file), file.stat().st_size
    expect(found == part.entry.sha256, f"sha256 is {part.entry.sha256}, but that of {file} is {found}")
    expect(size == part.entry.size, f"size is {part.entry.size}, but {file} has {size} bytes")


def facts(part: WeightsPart) -> None:
    """Check that the run has the entry's recipe, image spec and score, and that the entry names a licence."""
    entry, recipe = part.entry, str(part.config.recipe)
    expect(recipe == entry.recipe, f"its name begins with {entry.recipe}, but the run was trained with {recipe}")
    image = part.checkpoint.image
    expect(image == entry.image, f"image is {entry.image}, but the run draws {image}")
    expect(entry.licence.strip(), "licence is empty; name the licence of the weights")
    if entry.score is None:
        return
    found = RunDir(part.place).last_score()
    ranked = ranked_value(found.get("values"), found.get("protocol"))
    expect(
        ranked is not None and (ranked[0].value, ranked[1]) == (entry.score.metric, entry.score.value),
        f"score is {entry.score.metric} {entry.score.value:g}, but score.json of the run says "
        f"{f'{ranked[0].value} {ranked[1]:g}' if ranked else 'nothing'}",
    )
    expect(entry.score.protocol.strip(), "score has no protocol; state how many images it was computed from")


def draws(part: WeightsPart) -> None:
    """Check that the weights load without pickle, and give finite images of the entry's shape in [-1, 1]."""
    image = part.entry.image
    generator = restore_generator(part.config, part.checkpoint, torch.device("cpu"))
    images = generator.sample(COUNT, seed=0)
    wanted, found = (COUNT, image.channels, image.size, image.size), tuple(images.shape)
    expect(found == wanted, f"its images have the shape {found}, the entry says {wanted}")
    expect(bool(images.isfinite().all()), "its images are not finite")
    largest = float(images.abs().max())
    expect(largest <= 1.0, f"its images reach {largest:.3g}, must be in [-1, 1]")


CHECKS = (present, checksum, facts, draws)
