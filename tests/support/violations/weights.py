"""Registered weights that each violate one check, in a temporary package of an untrained run of stand-ins."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ganzoo import WeightsEntry
from ganzoo.plugin.registry import Registry
from ganzoo.runs.pack import pack
from ganzoo.runs.weights import weights_file
from ganzoo.testing import stand_ins
from ganzoo.utils.checksum import sha256_of
from ganzoo.weights import DIRECTORY
from support.weights import write_run

PACKAGE, RECIPE = "violating_weights", f"{stand_ins.SHORT}+{stand_ins.SHORT}"
_scratch = tempfile.TemporaryDirectory(prefix="violating-weights-")


@cache
def _packed() -> WeightsEntry:
    """Write good weights in a package that can be imported. Return their entry."""
    registry = Registry.load(strict=True, points=[], files=[])
    registry.add(lambda: stand_ins, "stand-ins", stand_ins.DISTRIBUTION, "1.0")
    place = Path(_scratch.name)
    (place / PACKAGE).mkdir()
    (place / PACKAGE / "__init__.py").touch()
    sys.path.append(_scratch.name)
    run = write_run(registry, place / "run", RECIPE, data=stand_ins.SHORT)
    return pack(registry, run, place / PACKAGE, licence="CC0-1.0")


def weights(**changes: Any) -> WeightsEntry:
    """Return the entry of good weights with some fields changed."""
    return replace(_packed(), **changes)


def weights_that_are_not_finite() -> WeightsEntry:
    """Return the entry of weights with a correct checksum, all of which are NaN."""
    entry, directory = _packed(), Path(_scratch.name) / PACKAGE / DIRECTORY
    place = directory / "not-finite"
    if not place.exists():
        shutil.copytree(directory / entry.short, place)
        file = weights_file(place)
        assert file is not None
        save_file({name: torch.full_like(value, float("nan")) for name, value in load_file(file).items()}, file)
    file = weights_file(place)
    assert file is not None
    return replace(entry, run=f"{PACKAGE}:{DIRECTORY}/not-finite", sha256=sha256_of(file))


__all__ = ["weights", "weights_that_are_not_finite"]
