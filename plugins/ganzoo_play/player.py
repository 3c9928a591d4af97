"""One run on the page: its generator and the facts about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganzoo.bench.recorded import load_record
from ganzoo.config.schema import Config
from ganzoo.drawing import takes_labels
from ganzoo.interfaces import Generator
from ganzoo.plugin.registry import Registry
from ganzoo.runs.class_names import class_names
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.ranking import ranked_value
from ganzoo.runs.reproduce import public_name
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.store import check_only_checkpoint, fetch, is_elsewhere, is_record
from ganzoo_play.directions import principal_directions
from ganzoo_play.game import Game, read_game

logger = logging.getLogger(f"ganzoo.{__name__}")
DIGITS = 5


@dataclass(frozen=True)
class Player:
    """One run on the page.

    directory: the name of the run. about: one line about it. class_names: a name for each class; () without classes.
    game: None if the run kept no images and verdicts for a game.
    """

    recipe: str
    directory: str
    about: str
    generator: Generator
    class_names: tuple[str, ...]
    game: Game | None

    def data(self) -> Mapping[str, Any]:
        """Return the page's data on the run, without its files."""
        generator = self.generator
        directions = principal_directions(generator)
        return {
            "name": self.recipe,
            "directory": self.directory,
            "about": self.about,
            "latents": generator.latent_dim,
            "size": generator.image.size,
            "channels": generator.image.channels,
            "truncation": generator.has_truncation,
            "classes": list(self.class_names) if takes_labels(generator) else [],
            "directions": [[round(value, DIGITS) for value in row] for row in directions.tolist()],
            "game": self.game.data() if self.game else None,
        }


def load_player(registry: Registry, source: str, checkpoint: str) -> Player:
    """Load a player on the CPU.

    source: a run's directory, hf://OWNER/NAME, registered weights, or a leaderboard's record next to its weights.
    Raises GanzooError if it cannot be loaded.
    """
    if is_record(source):
        check_only_checkpoint(source, checkpoint)
        player = _recorded(registry, Path(source))
    else:
        player = _run(registry, source, checkpoint)
    if type(player.generator).sample_latents is not Generator.sample_latents:
        logger.warning(f"{source}: its latents are not standard normal; the page draws standard normal ones")
    return player


def _run(registry: Registry, source: str, checkpoint: str) -> Player:
    path = fetch(registry, source)
    directory = RunDir.open(path)
    config, found = load_config(registry, directory), directory.checkpoint(checkpoint)
    generator = restore_generator(config, found, torch.device("cpu"))
    scored = directory.score_of(found.path.name)
    score = _in_words(scored.get("values", {}), scored.get("protocol", {}))
    name = source if is_elsewhere(source) else path.resolve().name
    game = read_game(directory, found.path.name)
    names = class_names(config, generator.image.classes, found, directory)
    return _player(config, generator, found.kimg, score, name, game, names)


def _recorded(registry: Registry, file: Path) -> Player:
    record, config, generator = load_record(file, registry)
    score = _in_words(record.scores, record.protocol)
    names = class_names(config, generator.image.classes)
    return _player(config, generator, record.shown / 1000, score, file.stem, None, names)


def _in_words(values: Mapping[str, Any], protocol: Mapping[str, Any]) -> str:
    """Return the value that ranks a score, with its title; "" without a score."""
    if (ranked := ranked_value(values, protocol)) is None:
        return ""
    ranking, value = ranked
    return ranking.words(value)


def _player(
    config: Config,
    generator: Generator,
    kimg: float,
    score: str,
    name: str,
    game: Game | None,
    names: tuple[str, ...],
) -> Player:
    data = public_name(config.values.data.name)  # any host may serve the page
    about = " · ".join([data, f"{kimg:,.5g} kimg", *filter(None, [score]), name])
    numbers = tuple(map(str, range(generator.image.classes)))
    return Player(str(config.recipe), name, about, generator, names or numbers, game)
