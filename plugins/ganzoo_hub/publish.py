"""A run as it is published: a run directory with its averaged generator alone, a model card and a grid of images.

README.md         the model card
config.yaml       the resolved configuration, without places on one machine
provenance.json   versions, commit, device, seed, fingerprint of the data
score.json        values and protocol; empty where it was not scored
samples.png       images from seed 0
checkpoints/NAME  ema.safetensors, meta.json

Being a run directory, what reads one reads this: ``ganzoo sample``, ``eval``, ``export``.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, replace
from pathlib import Path, PurePath

import torch

from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.models.sampling import grid, sample, save_image
from ganzoo.plugin.registry import Registry
from ganzoo.runs.changes import CHANGES, public_changes, read_changes
from ganzoo.runs.class_names import class_names
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.reproduce import data_setting, public_config, public_name, repeat_command
from ganzoo.runs.requirements import Need, needs_of, read_needs, write_needs
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import write_text
from ganzoo.utils.safe_yaml import write_yaml
from ganzoo.utils.structured import literal
from ganzoo_hub.card import COLUMNS, Facts, write_card

logger = logging.getLogger(f"ganzoo.{__name__}")
SAMPLES = "samples.png"
ELSEWHERE = ("plugins", "needs", "init_from")  # of the provenance: the checkpoint names them, or ways to a file


def write_publication(registry: Registry, path: Path, checkpoint: str, address: str, place: Path) -> None:
    """Write what is to be published of a run's checkpoint as ``address`` into the empty directory ``place``.

    What the card says against it is logged. Raises GanzooError if the run cannot be loaded or the directory holds
    something.
    """
    directory, target = RunDir.open(path), RunDir(place)
    config = load_config(registry, directory)
    found = directory.checkpoint(checkpoint)
    generator = restore_generator(config, found, torch.device("cpu"))
    noted = read_needs(found.meta.get("needs"), str(path)) or needs_of(config)
    origin, score = directory.provenance(), directory.score_of(found.path.name)
    if score:
        score["protocol"]["reference"] = public_name(score["protocol"]["reference"])
    if isinstance(origin.get("data"), dict):
        origin["data"]["name"] = public_name(config.values.data.name)
    if changes := public_changes(read_changes(origin)):
        origin[CHANGES] = changes
    else:
        origin.pop(CHANGES, None)
    defaults = resolve(registry, str(config.recipe), None, [data_setting(config)])
    facts = Facts(
        address=address,
        config=config,
        image=generator.image,
        shown=found.meta["shown"],
        needs=tuple(map(_without_place, noted)),
        score=score,
        origin={name: value for name, value in origin.items() if name not in ELSEWHERE},
        repeat=repeat_command(config, defaults),
        samples=SAMPLES,
        conditional=bool(generator.conditional and generator.image.classes),
        class_names=class_names(config, generator.image.classes, found, directory),
    )
    for caveat in facts.caveats:
        logger.warning(f"{path}: {caveat} The card says so.")
    _make(place)
    kept = target.checkpoints / found.path.name
    kept.mkdir(parents=True)
    shutil.copyfile(found.path / "ema.safetensors", kept / "ema.safetensors")
    meta = {name: value for name, value in found.meta.items() if name != CHANGES}  # the provenance has them
    meta |= {"picture": asdict(generator.image), "needs": write_needs(facts.needs)}
    target.write_json(kept / "meta.json", meta)
    write_text(target.config_file, write_yaml(literal(public_config(config))))
    target.write_json(target.provenance_file, facts.origin)
    target.write_json(target.score_file, score)
    images = torch.cat(list(sample(generator, COLUMNS**2, seed=0)))
    save_image(grid(images, COLUMNS), place / SAMPLES)
    write_text(place / "README.md", write_card(facts))


def _without_place(need: Need) -> Need:
    """A plugin that was a file, without the way to it."""
    return need if need.requirement else replace(need, distribution=PurePath(need.distribution).name)


def _make(place: Path) -> None:
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        raise GanzooError(f"{place} already holds something; choose another --out")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GanzooError(f"cannot make {place}: {error.strerror}; choose another --out") from error
