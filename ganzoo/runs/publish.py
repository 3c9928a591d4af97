"""Publish a run: write a run directory with only the averaged generator, and without this machine's paths.

config.yaml       the resolved configuration
provenance.json   versions, commit, device, seed, fingerprint of the data
score.json        values and protocol; empty if it was not scored
checkpoints/NAME  ema.safetensors, meta.json

All code that reads a run directory reads this one too. It cannot be resumed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from ganzoo.config.schema import Config
from ganzoo.interfaces import Generator
from ganzoo.plugin.registry import Registry
from ganzoo.runs.changes import CHANGES, public_changes, read_changes
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.class_names import class_names
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.reproduce import INIT_FROM, public_config, public_name
from ganzoo.runs.requirements import Need, needs_of, read_needs, write_needs
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.weights import FILE
from ganzoo.utils.files import make_output_directory, write_text, writing
from ganzoo.utils.safe_yaml import write_yaml
from ganzoo.utils.structured import literal

# Left out of the provenance: the checkpoint has them, they are paths, or they mean nothing elsewhere.
ELSEWHERE = ("plugins", "needs", INIT_FROM, "launch")
BEGUN_FROM = "begun_from"  # in place of the path of the checkpoint that the weights came from


@dataclass(frozen=True)
class Published:
    """A published run.

    generator: the averaged generator, on the CPU in evaluation mode. shown: the number of real images shown in
    training. needs: the plugins it needs. score: values and protocol, or empty. origin: its provenance (software,
    machine and data). class_names: in the order of the labels, () if they are not known. file: its weights.
    """

    config: Config
    generator: Generator
    shown: int
    needs: tuple[Need, ...]
    score: Mapping[str, Any]
    origin: Mapping[str, Any]
    class_names: tuple[str, ...]
    file: Path


def publish(
    registry: Registry, path: Path, checkpoint: str, place: Path, *, half: bool = False, always: str = ""
) -> Published:
    """Write a run's checkpoint into the empty directory ``place``.

    half: write the weights as float16, which halves their size; loading makes them float32 again.
    always: a distribution that is installed wherever the run is read; its parts are left out of the run's needs.
    Raises GanzooError if the run cannot be loaded or the directory is not empty.
    """
    directory, target = RunDir.open(path), RunDir(place)
    config = load_config(registry, directory)
    found = directory.checkpoint(checkpoint)
    generator = restore_generator(config, found, torch.device("cpu"))
    noted = read_needs(found.meta.get("needs"), str(path)) or needs_of(config)
    needs = tuple(_without_place(need) for need in noted if need.distribution != always)
    origin, score = directory.provenance(), directory.score_of(found.path.name)
    if "reference" in score.get("protocol", {}):
        score["protocol"]["reference"] = public_name(str(score["protocol"]["reference"]))
    if isinstance(origin.get("data"), dict):
        origin["data"]["name"] = public_name(config.values.data.name)
    if changes := public_changes(read_changes(origin)):
        origin[CHANGES] = changes
    else:
        origin.pop(CHANGES, None)
    begun = {BEGUN_FROM: "another run's weights"} if origin.get(INIT_FROM) else {}
    origin = {name: value for name, value in origin.items() if name not in ELSEWHERE} | begun
    make_output_directory(place)
    kept = target.checkpoints / found.path.name
    with writing(kept / FILE):
        kept.mkdir(parents=True)
        if half:
            (kept / FILE).write_bytes(save(halved(load_file(found.path / FILE))))
        else:
            shutil.copyfile(found.path / FILE, kept / FILE)
    meta = {name: value for name, value in found.meta.items() if name != CHANGES}  # these are in the provenance
    meta |= {"picture": asdict(generator.image), "needs": write_needs(needs)}
    target.write_json(kept / "meta.json", meta)
    write_text(target.config_file, write_yaml(literal(public_config(config))))
    target.write_json(target.provenance_file, origin)
    target.write_json(target.score_file, score)
    names = class_names(config, generator.image.classes, found, directory)
    return Published(config, generator, found.meta["shown"], needs, score, origin, names, kept / FILE)


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round float32 tensors to float16. A tensor with a number outside float16's range stays as it is."""
    return {name: _halved(value) if value.dtype == torch.float32 else value for name, value in state.items()}


def is_half(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint's averaged generator was rounded to float16."""
    with safe_open(checkpoint.path / FILE, "pt") as stored:
        return any(stored.get_slice(name).get_dtype() == "F16" for name in stored.keys())  # noqa: SIM118, no mapping


def _halved(value: Tensor) -> Tensor:
    half = value.half()
    return half if half.isfinite().all() else value


def _without_place(need: Need) -> Need:
    """Return a need; if its plugin was a file, without the path to the file."""
    return need if need.requirement else replace(need, distribution=PurePath(need.distribution).name)
