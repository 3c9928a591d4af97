"""The inputs of another project's training loop: ganzoo's networks and images, and a clock that ends the loop."""

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
WARM_UP = 2 * WORKERS + 2  # steps; they use up the batches that the workers loaded before the first step


class InMemory(Dataset[tuple[Any, int]]):
    """A data set of uint8 images ``(N, H, W, C)``. Its items are like those of torchvision's CIFAR10.

    An item is a PIL image after the transform, and a class, always 0.
    """

    def __init__(self, array: np.ndarray, transform: Callable[[Image.Image], Any]) -> None:
        self.array, self.transform = array, transform

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.array[index])), 0


class GeneratorOnly(nn.Module):
    """A ganzoo generator with the other projects' call signature: latents ``(N, Z)`` to images."""

    def __init__(self, network: nn.Module, rng: torch.Generator) -> None:
        super().__init__()
        self.network, self.rng = network, rng

    def forward(self, latents: Tensor) -> Tensor:
        return self.network(latents, None, rng=self.rng)


class LogitsOnly(nn.Module):
    """A ganzoo discriminator with the other projects' call signature: images to logits ``(N, 1)``."""

    def __init__(self, network: nn.Module, rng: torch.Generator) -> None:
        super().__init__()
        self.network, self.rng = network, rng

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images, None, rng=self.rng)[:, None]


@dataclass(frozen=True)
class Material:
    """The networks, optimizer settings, images, batch size and device that every loop uses."""

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
        """Build the networks of ``work`` and read its images into memory."""
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
        """Return the images as a replacement for ``torchvision.datasets.CIFAR10``."""
        return InMemory(self.array, transform)

    def adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return torch's Adam with ganzoo's settings."""
        return torch.optim.Adam(network.parameters(), lr=self.lr, betas=self.betas)


class Clock:
    """A clock that ends another project's loop after ``seconds``. The first WARM_UP steps do not count."""

    def __init__(self, seconds: float, device: torch.device) -> None:
        self.seconds, self.device = seconds, device
        self.steps, self.spent, self._begun = -WARM_UP, 0.0, 0.0

    def tick(self) -> bool:
        """Count a step. Return whether the loop should take another one.

        This waits for the device only at the start and at the end of the measurement.
        """
        self.steps += 1
        if self.steps == 0:
            self._begun = self._now()
        elif self.steps > 0 and time.perf_counter() - self._begun >= self.seconds:
            self.spent = self._now() - self._begun
        return not self.spent

    def speed(self, batch: int) -> float:
        """Return the images per second. Raises RuntimeError if the loop ended too early."""
        if not self.spent:
            raise RuntimeError("the loop ended before its time")
        return self.steps * batch / self.spent

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def loader(images: InMemory, batch: int) -> DataLoader[tuple[Any, int]]:
    """Return a data loader with the settings of the projects' examples.

    It drops a last, smaller batch, because that would make the count of images wrong.
    """
    return DataLoader(images, batch, shuffle=True, num_workers=WORKERS, drop_last=True)
