"""Small untrained generators, games and runs for tests of the play page."""

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
    """A generator of images in one colour, which depends on the class and the latents."""

    conditional = True

    def __init__(self) -> None:
        super().__init__()
        self.image, self.latent_dim = ImageSpec(3, 8, 3), 3
        self.colours = nn.Embedding(3, 3)

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return torch.tanh(latents + self.colours(labels))[:, :, None, None].expand(len(latents), 3, 8, 8)


def generator_of(name: str, image: ImageSpec) -> Generator:
    """Return a small generator of an architecture after three forward passes, which change its running means."""
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
    """Return a game of 64 dark fakes and 64 bright real images, of which the discriminator judges 3/4 correctly."""
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
    """Write a run directory without files for the game. checkpoint: write a checkpoint of an untrained generator."""
    config = resolve(
        registry, recipe, None, ["generator.width=16", "generator.layers=1", "metrics.names=[]", *settings]
    )
    directory = RunDir.create(path, recipe, config.to_yaml())
    if checkpoint:
        generator = config.recipe.generator.load_generator()(ImageSpec(1, 28, 10), config.values.generator)
        meta = {"shown": 4000, "picture": {"channels": 1, "size": 28, "classes": 10}}
        write_checkpoint(directory.checkpoints, meta, {"ema": generator}, {})
    return directory
