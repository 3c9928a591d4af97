"""What a borrowed training loop is given: ganzoo's networks and images, and a clock that ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from training import Work

from ganzoo.distributed.device import pick_device

WORKERS = 4  # processes that load images, as in the examples of pytorch-gan-collections and mimicry
WARM_UP = 2 * WORKERS + 2  # steps, which use up the batches that were loaded before the first


class InMemory(Dataset[tuple[Any, int]]):
    """Images ``(N, H, W, C)`` uint8 as torchvision's CIFAR10 hands them out: a PIL image, transformed, and a class."""

    def __init__(self, array: np.ndarray, transform: Callable[[Image.Image], Any]) -> None:
        self.array, self.transform = array, transform

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.array[index])), 0


class GeneratorOnly(nn.Module):
    """A generator of ganzoo, called as the other projects call theirs: latents ``(N, Z)`` to images."""

    def __init__(self, network: nn.Module, rng: torch.Generator) -> None:
        super().__init__()
        self.network, self.rng = network, rng

    def forward(self, latents: Tensor) -> Tensor:
        return self.network(latents, None, rng=self.rng)


class LogitsOnly(nn.Module):
    """A discriminator of ganzoo, called as the other projects call theirs: images to logits ``(N, 1)``."""

    def __init__(self, network: nn.Module, rng: torch.Generator) -> None:
        super().__init__()
        self.network, self.rng = network, rng

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images, None, rng=self.rng)[:, None]


@dataclass(frozen=True)
class Material:
    """What every loop trains, with what, on what."""

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int
    lr: float
    betas: tuple[float, float]
    array: np.ndarray
    batch: int
    device: torch.device

    @classmethod
    def of(cls, work: Work) -> Material:
        """Build the networks and read the images of ``work`` into memory."""
        config, images, model = work.prepare()
        values = config.values
        device = pick_device(values.loop.device)
        rng = torch.Generator(device).manual_seed(0)
        first, second = values.optimizer.generator.betas
        return cls(
            GeneratorOnly(model.generator, rng).to(device).train(),
            LogitsOnly(model.discriminator, rng).to(device).train(),
            model.generator.latent_dim,
            values.optimizer.generator.lr,
            (first, second),
            np.ascontiguousarray(np.asarray(images.array[:]).transpose(0, 2, 3, 1)),
            values.loop.batch,
            device,
        )

    def cifar10(self, root: str, transform: Callable[[Image.Image], Any], **_: Any) -> InMemory:
        """Stand in for ``torchvision.datasets.CIFAR10``."""
        return InMemory(self.array, transform)

    def adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return Adam as torch makes it, with ganzoo's settings."""
        return torch.optim.Adam(network.parameters(), lr=self.lr, betas=self.betas)


class Clock:
    """Says when a loop that runs by itself has taken steps for long enough; the first WARM_UP do not count."""

    def __init__(self, seconds: float, device: torch.device) -> None:
        self.seconds, self.device = seconds, device
        self.steps, self.spent, self._begun = -WARM_UP, 0.0, 0.0

    def tick(self) -> bool:
        """Count a step; return whether another one is wanted. The device is waited for at both ends alone."""
        self.steps += 1
        if self.steps == 0:
            self._begun = self._now()
        elif self.steps > 0 and time.perf_counter() - self._begun >= self.seconds:
            self.spent = self._now() - self._begun
        return not self.spent

    def speed(self, batch: int) -> float:
        """Images per second. Raises RuntimeError if the loop ended before its time."""
        if not self.spent:
            raise RuntimeError("the loop ended before its time")
        return self.steps * batch / self.spent

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def loader(images: InMemory, batch: int) -> DataLoader[tuple[Any, int]]:
    """Return a loader as the projects' examples make theirs. A last, smaller batch would spoil the count."""
    return DataLoader(images, batch, shuffle=True, num_workers=WORKERS, drop_last=True)
