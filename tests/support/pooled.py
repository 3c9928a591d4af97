"""A fast extractor for images of any size, in place of Inception."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from ganzoo.entries import ExtractorEntry
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.plugin.registry import Registry
from support.scoring import NETWORK

WIDTH = 8


class Pooled:
    """A fixed random projection of each image, averaged to 4 x 4 grey pixels. read: the number of images so far."""

    def __init__(self) -> None:
        self.read = 0
        self.matrix = torch.randn(16, WIDTH, generator=torch.Generator().manual_seed(0))

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        self.read += len(images)
        grey = images.float().mean(1, keepdim=True) / 255
        pooled = torch.nn.functional.adaptive_avg_pool2d(grey, 4).flatten(1)
        return {"2048": pooled @ self.matrix}


def install_pooled(monkeypatch) -> Pooled:
    """Use this extractor instead of Inception in all commands and functions, under the same names. Return it."""
    pooled, registry = Pooled(), Registry.load()
    entries = registry.entries[ExtractorEntry.kind]
    narrow = {"2048": WIDTH, "logits_unbiased": 1008}
    monkeypatch.setitem(entries, "inception", replace(entries["inception"], features=narrow))
    monkeypatch.setattr(Registry, "load", lambda *arguments, **options: registry)
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *_: pooled)
    return pooled


def write_images(directory, images: np.ndarray) -> None:
    """Write uint8 images ``(N, H, W)`` or ``(N, H, W, 3)`` as PNG files."""
    directory.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(directory / f"{number:04d}.png")


def random_images(count: int, *shape: int, seed: int = 0, most: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, (count, *shape), dtype=np.uint8)
