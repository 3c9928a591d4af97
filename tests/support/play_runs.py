"""Small players of the play page, never trained, for its tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ganzoo.config.resolve import resolve
from ganzoo.entries import ArchitectureEntry, ImageSpec
from ganzoo.interfaces import Generator
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import write_checkpoint
from ganzoo.runs.run_dir import RunDir
from ganzoo_play.game import Game
from ganzoo_play.player import Player
from ganzoo_report.story import judge

EVIL = "</script><img src='https://example.com/x.png' onerror='window.evil = 1'>"


class Conditional(Generator):
    """A colour for each class, moved by the latents."""

    conditional = True

    def __init__(self) -> None:
        super().__init__()
        self.image, self.latent_dim = ImageSpec(3, 8, 3), 3
        self.colours = nn.Embedding(3, 3)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return torch.tanh(latents + self.colours(labels))[:, :, None, None].expand(len(latents), 3, 8, 8)


def generator_of(name: str, image: ImageSpec) -> Generator:
    """An architecture's, small, with weights and means that are not those of its first moment."""
    entry = Registry.load(strict=True).get(ArchitectureEntry, name)
    params = entry.generator_params()
    params.width = 8
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = entry.load_generator()(image, params)
        rng = torch.Generator().manual_seed(1)
        for _ in range(3):
            generator(generator.sample_latents(16, rng), rng=rng)
    return generator.eval()


def game(size: int, *, probability: bool = True, border: bool = True) -> Game:
    """64 dark images and 64 bright ones, judged correctly three times in four."""
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 120, (64, size, size, 1)).repeat(3, 3).astype(np.uint8)
    fake = [2.0 if place % 4 == 0 else -2.0 - place / 100 for place in range(64)]
    real = [-logit for logit in fake]
    return Game(np.concatenate([dark, dark + 128]), judge(fake, real, probability=probability, zero_is_border=border))


def player(
    recipe: str, generator: Generator, *, played: Game | None = None, about: str = "fashion-10k · 4 kimg"
) -> Player:
    names = tuple(f"kind {number}" for number in range(generator.image.classes))
    return Player(recipe, "some-run", about, generator, names, played)


def write_run(path, registry, settings=(), recipe="mlp+minimax", checkpoint=True):
    """A run's directory with the networks as they are built, and nothing to play the game with."""
    config = resolve(
        registry, recipe, None, ["generator.width=16", "generator.layers=1", "metrics.names=[]", *settings]
    )
    directory = RunDir.create(path, recipe, config.to_yaml())
    if checkpoint:
        generator = config.recipe.generator.load_generator()(ImageSpec(1, 28, 10), config.values.generator)
        meta = {"shown": 4000, "picture": {"channels": 1, "size": 28, "classes": 10}}
        write_checkpoint(directory.checkpoints, meta, {"ema": generator}, {})
    return directory
