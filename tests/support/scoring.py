"""Stand-ins for the data set, the generator and the extractor of a score."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import Generator
from ganzoo.metrics.extractor import Network

SPEC = ImageSpec(1, 8, 3)
NETWORK = Network(Path("none"), "ab" * 32, "cd" * 32, "a stand-in", lacks=("logits_unbiased",))


@dataclass
class Set:
    """The attributes of ganzoo.data.dataset.Images that scoring reads."""

    array: np.ndarray
    labels: np.ndarray | None
    spec: ImageSpec = SPEC
    name: str = "toy"
    split: str = "test"
    fingerprint: str = "f" * 64
    class_names: tuple[str, ...] = ()
    demonstration: bool = False
    resize: dict[str, Any] = field(default_factory=lambda: {"size": 8})


class Blur(Generator):
    """An untrained conditional generator of noise. Class k is brighter than class k - 1."""

    conditional = True

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.latent_dim, self.image, self.scale = 64, SPEC, scale
        self.eval()

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        self.seen = [*getattr(self, "seen", []), labels]
        return (0.3 * self.scale * latents.view(-1, 1, 8, 8) + 0.3 * (labels.view(-1, 1, 1, 1) - 1)).clamp(-1, 1)


class Stub:
    """An extractor that takes no time: a fixed random projection to 32 features."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        self.read += len(images)
        matrix = torch.randn(images[0].numel(), 32, generator=torch.Generator().manual_seed(0))
        return {"2048": images.float().flatten(1) / 255 @ matrix}
