"""The combinations that a benchmark trains: architectures x losses (x penalties) x data x seeds, for one budget."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ganzoo.bench.record import OLDER
from ganzoo.config.recipe import parse_data, parse_recipe
from ganzoo.entries import ArchitectureEntry, DatasetEntry, Entry, LossEntry, above_zero, param
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.safe_yaml import read_mapping
from ganzoo.utils.structured import read_as

ALL = "all"
UNSAFE = re.compile(r"[^A-Za-z0-9._+,-]")  # characters that a file name does not keep
MOST_ROWS = 100_000
MOST_NAME = 200  # characters of a combination's name; with the seed and a suffix, a file's may have 255


@dataclass
class Grid:
    """The content of a file in ``configs/bench``. The budget is exactly one of ``kimg`` and ``minutes``."""

    name: str = param("", "name of the grid and of the directory of its records")
    architectures: list[str] = param([], "ARCH or ARCH/DISCRIMINATOR, or all that are installed")
    losses: list[str] = param([], "losses, or all that are installed")
    extras: list[str] = param([""], "penalties added to each combination: one, several joined with +, or none")
    recipes: list[str] = param([], "whole recipes, in addition to the product of the lists above")
    data: list[str] = param([], "data sets; empty: the one that comes with the zoo")
    seeds: list[int] = param([0], "seeds; each is a row of its own")
    kimg: float | None = param(None, "budget of each: thousands of real images shown")
    minutes: float | None = param(None, "or minutes of training; each combination's speed is measured first")
    settings: list[str] = param([], "further settings, KEY=VALUE")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"name is {self.name!r}, must be letters, digits, '.', '_' and '-'")
        if self.name == OLDER:
            raise ValueError(f"name is {OLDER!r}, the directory of older grids; choose another")
        if (self.kimg is None) == (self.minutes is None):
            raise ValueError("the budget must be either kimg or minutes")
        above_zero(self, "kimg", "minutes")
        if not self.recipes and not (self.architectures and self.losses):
            raise ValueError("there is nothing to train: give architectures and losses, or recipes")
        if bool(self.architectures) != bool(self.losses):
            raise ValueError("architectures and losses must be given together; give both, or neither with recipes")
        if self.extras != [""] and not self.architectures:
            raise ValueError("extras are added to architectures and losses; write those of a recipe into the recipe")


@dataclass(frozen=True)
class Cell:
    """One planned row: a combination on a data set with a seed."""

    recipe: str
    data: str
    seed: int

    @property
    def combination(self) -> str:
        """The file name of what all seeds share.

        If the data set's path has characters that a file name cannot keep, a checksum of the path tells it from others
        that look the same without them. In a name that is too long, a checksum of the whole replaces the middle.
        """
        _, _, place = self.data.partition(":")
        checksum = f"-{sha256(place.encode(errors='surrogateescape')).hexdigest()[:8]}" if UNSAFE.search(place) else ""
        name = UNSAFE.sub("_", f"{self.data}{checksum}--{self.recipe.replace('/', ',')}")
        if len(name) <= MOST_NAME:
            return name
        kept = MOST_NAME // 2 - 5
        return f"{name[:kept]}-{sha256(name.encode()).hexdigest()[:8]}-{name[-kept:]}"

    @property
    def name(self) -> str:
        """The file name of this cell, unique in its grid."""
        return f"{self.combination}--s{self.seed}"


def load_grid(file: Path | None, changes: Mapping[str, Any]) -> Grid:
    """Return the grid of a file, with the changes of the command line.

    Raises GanzooError, which names the key, if a value is not valid.
    """
    where = str(file) if file else "the command line"
    layer: dict[str, Any] = {}
    if file is not None:
        layer = read_mapping(file, "grid", "such as `losses: [wgan-gp]`")
        layer.setdefault("name", file.stem)
    changed = {key: value for key, value in changes.items() if value not in (None, [])}
    if "recipes" in changed and not {"architectures", "losses"} & changed.keys():
        layer.pop("architectures", None)  # recipes on the command line replace the product
        layer.pop("losses", None)
    for one, other in (("kimg", "minutes"), ("minutes", "kimg")):
        if one in changed and other not in changed:
            layer.pop(other, None)
    if isinstance(own := layer.get("settings"), list):  # those of the command line come later, so they win
        changed["settings"] = [*own, *changed.get("settings", [])]
    try:
        return read_as(Grid, {"name": "bench", **layer, **changed})
    except ValueError as error:
        raise GanzooError(f"{where}: {error}") from error


def cells(grid: Grid, registry: Registry) -> list[Cell]:
    """Return every row of a grid once, with the seeds varying fastest.

    Raises GanzooError if a name is not installed, if there are more than 100,000 rows, or if there is no data set.
    """
    architectures = _expand(grid.architectures, ArchitectureEntry, registry)
    losses = _expand(grid.losses, LossEntry, registry)
    most = len(architectures) * len(losses) * len(grid.extras) * max(1, len(grid.data)) * len(grid.seeds)
    if most > MOST_ROWS:
        raise GanzooError(f"the grid has {most:,} rows; give it {MOST_ROWS:,} at most")
    products = ["+".join(filter(None, parts)) for parts in itertools.product(architectures, losses, grid.extras)]
    recipes = dict.fromkeys(str(parse_recipe(text, registry)) for text in [*products, *grid.recipes])
    default = registry.default(DatasetEntry)
    data = grid.data or ([default.name] if default else [])
    if not data:
        raise GanzooError("the grid names no data set and there is no default; add --data NAME")
    for name in data:
        parse_data(name, registry)
    return [Cell(*parts) for parts in itertools.product(recipes, data, dict.fromkeys(grid.seeds))]


def _expand(names: list[str], kind: type[Entry], registry: Registry) -> list[str]:
    return sorted(registry.entries[kind.kind]) if ALL in names else names
