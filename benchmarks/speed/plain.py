"""The baseline: a training loop like that of PyTorch's DCGAN example, for any networks and three losses.

It is eager, in float32, and uses the networks as they are built. A DataLoader opens the images one by one, Adam has
torch's default implementation, real images and fakes pass through the discriminator separately, and the losses are read
back in every step. It has no EMA of the generator, and no statistics except the losses.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

LAMBDA = 10.0  # weight of the gradient penalty (Gulrajani et al. 2017, alg. 1)


class Images(Dataset[Tensor]):
    """A data set of uint8 images ``(N, C, H, W)``; each image is converted to [-1, 1] when it is read."""

    def __init__(self, array: np.ndarray, size: int) -> None:
        self.array = array
        middle = [0.5] * array.shape[1]
        self.transform = transforms.Compose(
            [transforms.Resize(size), transforms.ToTensor(), transforms.Normalize(middle, middle)]
        )

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> Tensor:
        image = self.array[index].transpose(1, 2, 0)
        return self.transform(Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image))


class PlainLoop:
    """A training loop with one generator step for each discriminator step.

    loss: minimax, non-saturating or wgan-gp. r1: the weight of the R1 penalty, and the interval in steps at which it
    applies.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        loss: str,
        array: np.ndarray,
        *,
        size: int,
        batch: int,
        device: torch.device,
        workers: int = 2,
        r1: tuple[float, int] | None = None,
    ) -> None:
        self.generator, self.discriminator = generator.to(device).train(), discriminator.to(device).train()
        self.latent_dim, self.loss, self.device, self.batch = latent_dim, loss, device, batch
        self.r1, self.steps = r1, 0
        self.loader = DataLoader(
            Images(array, size),
            batch,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        self.optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.criterion = nn.BCEWithLogitsLoss()
        self.rng = torch.Generator(device).manual_seed(0)
        self.real = self._forever()

    def iteration(self) -> tuple[float, float]:
        """Take one step of the discriminator and one of the generator. Return both losses, in this order."""
        real = next(self.real).to(self.device)
        ones, zeros = torch.ones(len(real), device=self.device), torch.zeros(len(real), device=self.device)

        self.discriminator.zero_grad()
        d_real = self.discriminator(real, None, rng=self.rng)
        fake = self._fake(len(real))
        d_fake = self.discriminator(fake.detach(), None, rng=self.rng)
        if self.loss == "wgan-gp":
            error_d = d_fake.mean() - d_real.mean() + LAMBDA * self._gradient_penalty(real, fake.detach())
        else:
            error_d = self.criterion(d_real, ones) + self.criterion(d_fake, zeros)
        if self.r1 is not None and self.steps % self.r1[1] == 0:
            weight, interval = self.r1
            error_d = error_d + interval * weight / 2 * self._slopes(real).square().sum(1).mean()
        self.steps += 1
        error_d.backward()
        self.optimizer_d.step()

        self.generator.zero_grad()
        d_fake = self.discriminator(fake, None, rng=self.rng)
        if self.loss == "wgan-gp":
            error_g = -d_fake.mean()
        elif self.loss == "minimax":
            error_g = -self.criterion(d_fake, zeros)
        else:
            error_g = self.criterion(d_fake, ones)
        error_g.backward()
        self.optimizer_g.step()
        return error_d.item(), error_g.item()

    def _fake(self, count: int) -> Tensor:
        return self.generator(torch.randn(count, self.latent_dim, device=self.device), None, rng=self.rng)

    def _gradient_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        share = torch.rand(len(real), 1, 1, 1, device=self.device)
        between = share * real + (1 - share) * fake
        return ((self._slopes(between).norm(dim=1) - 1) ** 2).mean()

    def _slopes(self, images: Tensor) -> Tensor:
        images = images.detach().requires_grad_(True)
        logits = self.discriminator(images, None, rng=self.rng)
        (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return slope.flatten(1)

    def _forever(self) -> Iterator[Tensor]:
        while True:
            yield from self.loader
