"""One run as the page plays it: its generator, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ganzoo.config import Config
from ganzoo.errors import GanzooError
from ganzoo.folder import RunFolder
from ganzoo.hub import fetch, is_address
from ganzoo.interfaces import Generator
from ganzoo.play.directions import principal_directions
from ganzoo.play.game import Game, read_game
from ganzoo.recipe import parse_data
from ganzoo.registry import Registry
from ganzoo.run import load_config, load_generator

DIGITS = 5


@dataclass(frozen=True)
class Player:
    """``source``: how the run was named. ``about``: one line. ``class_names``: one for each class, () without."""

    source: str
    recipe: str
    about: str
    generator: Generator
    class_names: tuple[str, ...]
    game: Game | None

    def data(self) -> Mapping[str, Any]:
        """What the page is told, its files aside."""
        generator = self.generator
        directions = principal_directions(generator)
        return {
            "name": self.recipe,
            "about": self.about,
            "latents": generator.latent_dim,
            "size": generator.picture.size,
            "channels": generator.picture.channels,
            "truncation": generator.has_truncation,
            "classes": list(self.class_names) if generator.conditional else [],
            "directions": [[round(value, DIGITS) for value in row] for row in directions.tolist()],
            "game": self.game.data() if self.game else None,
        }


def load_player(registry: Registry, source: str, checkpoint: str, warn: Callable[[str], None]) -> Player:
    """A run's folder, or hf://OWNER/NAME, on the CPU. Raises GanzooError where it cannot be loaded."""
    path = fetch(source)
    folder = RunFolder.open(path)
    generator = load_generator(registry, path, checkpoint, torch.device("cpu"), warn)
    if type(generator).sample_latents is not Generator.sample_latents:
        warn(f"{source}: its latents are not drawn as others' are; the page draws standard normal ones")
    config, found = load_config(registry, folder), folder.checkpoint(checkpoint)
    parts = [config.values.data.name, f"{found.kimg:,.5g} kimg"]
    if fid := folder.score_of(found.path.name).get("values", {}).get("fid"):
        parts.append(f"FID {fid:.2f}")
    parts.append(source if is_address(source) else path.resolve().name)
    names = _class_names(registry, config, generator.picture.classes)
    return Player(source, str(config.recipe), " · ".join(parts), generator, names, read_game(folder, found.path.name))


def _class_names(registry: Registry, config: Config, classes: int) -> tuple[str, ...]:
    """The data set's where it has them, else numbers."""
    try:
        names = parse_data(config.values.data.name, registry)[0].class_names
    except GanzooError:  # the data set's plugin is not here, nor need it be
        names = ()
    return names if len(names) == classes else tuple(map(str, range(classes)))
