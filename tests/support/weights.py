"""Small registered weights for tests: packages with weights of untrained runs."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ganzoo import WeightsEntry, hookimpl, packed_weights
from ganzoo.config.resolve import resolve
from ganzoo.data.factory import peek_configured
from ganzoo.models.build import build_generator
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import write_checkpoint
from ganzoo.runs.pack import pack
from ganzoo.runs.run_dir import RunDir

PACKAGE = "tiny_pretrained"
SIZES = {"mlp": ["generator.width=16", "generator.layers=1"], "dcgan": ["generator.width=4", "generator.refine=4"]}
PROTOCOL = {
    "reference": "fashion-10k",
    "split": "train",
    "fake_pictures": 64,
    "real_pictures": 10_000,
    "seed": 0,
    "ranked_by": {"value": "fid", "lower_is_better": True},
}


def write_run(
    registry: Registry,
    place: Path,
    recipe: str = "mlp+minimax",
    *,
    data: str = "fashion-10k",
    fid: float | None = 30.0,
    settings: Iterable[str] = (),
    seed: int = 0,
) -> Path:
    """Write a run directory with a checkpoint of a generator built from a seed, and a score unless fid is None."""
    chosen = [f"data.name={data}", "metrics.names=[]", *SIZES.get(recipe.partition("+")[0], ()), *settings]
    config = resolve(registry, recipe, None, chosen)
    directory = RunDir.create(place, recipe, config.to_yaml())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = build_generator(config, peek_configured(config))
    meta = {"shown": 4000, "picture": asdict(generator.image)}
    checkpoint = write_checkpoint(directory.checkpoints, meta, {"generator": generator, "ema": generator}, {})
    if fid is not None:
        score: dict[str, Any] = {"values": {"fid": fid}, "protocol": PROTOCOL, "seconds": 1.0}
        directory.write_json(directory.score_file, score)
        line = {"checkpoint": checkpoint.path.name, "shown": 4000, "kimg": 4.0, **score}
        directory.scores_file.write_text(json.dumps(line) + "\n")
    return place


def plugin_of_package(package: str = PACKAGE) -> SimpleNamespace:
    """Return a plugin that registers all weights of a package."""

    def register_them(register: Any) -> None:
        for entry in packed_weights(package):
            register(entry)

    return SimpleNamespace(register_weights=hookimpl(register_them))


def plugin_of_entries(*entries: WeightsEntry) -> SimpleNamespace:
    """Return a plugin that registers these weights."""

    def register_them(register: Any) -> None:
        for entry in entries:
            register(entry)

    return SimpleNamespace(register_weights=hookimpl(register_them))


def zoo_without_weights() -> Registry:
    """Return ganzoo's own zoo without its packaged weights."""
    points = [point for point in entry_points(group="ganzoo") if point.dist and point.dist.name == "ganzoo"]
    return Registry.load(strict=True, points=[point for point in points if point.name != "pretrained"], files=[])


def pack_tiny(directory: Path, runs: dict[str, dict[str, Any]], package: str = PACKAGE) -> Path:
    """Write a package with the weights of untrained runs. runs: the options of :func:`write_run` for each recipe."""
    registry, place = zoo_without_weights(), directory / package
    place.mkdir(parents=True)
    (place / "__init__.py").touch()
    sys.modules.pop(package, None)  # an earlier test may have imported it
    importlib.invalidate_caches()
    for number, (recipe, options) in enumerate(runs.items()):
        run = write_run(registry, directory / f"{package}-runs" / str(number), recipe, **options)
        pack(registry, run, place, licence="CC0-1.0")
    return place
