"""A training step with additional networks, in one file: BiGAN, whose encoder learns to invert the generator.

    ganzoo run mlp+non-saturating+bigan --plugin docs/bigan.py

In addition to the generator G, an encoder E maps images to latents. The discriminator judges pairs: ``(x, E(x))`` is
real, ``(G(z), z)`` is fake. G and E together learn to make the two kinds of pairs look alike (Donahue, Krähenbühl,
Darrell 2017, Adversarial Feature Learning, arXiv:1605.09782). The logit of a pair is the sum of two logits: that of
the recipe's discriminator for the image, and that of a small network for the image and the latents, as in BigBiGAN
(Donahue, Simonyan 2019, arXiv:1907.02544).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganzoo import ImageSpec, StepEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.interfaces import DiscriminatorOutputs
from ganzoo.training.step import Batch, TrainingStep


@dataclass
class BiGANParams:
    width: int = param(256, "units of the hidden layer of encoder and pair network")

    def __post_init__(self) -> None:
        at_least(self, 1, "width")


@hookimpl
def register_steps(register):
    register(
        StepEntry(
            name="bigan",
            summary="An encoder learns to invert the generator; the discriminator judges pairs of image and latents",
            paper="Donahue, Krähenbühl, Darrell 2017, Adversarial Feature Learning, arXiv:1605.09782",
            target="bigan:BiGAN",
            params=BiGANParams,
        )
    )


class Encoder(nn.Module):
    """A network that maps images ``(N, C, H, W)`` to latents ``(N, Z)``."""

    def __init__(self, image: ImageSpec, latent_dim: int, width: int) -> None:
        super().__init__()
        pixels = image.channels * image.size**2
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.LeakyReLU(0.2), nn.Linear(width, latent_dim)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


class Pair(nn.Module):
    """A network that maps images ``(N, C, H, W)`` and latents ``(N, Z)`` to a term of the logit, ``(N,)``."""

    def __init__(self, image: ImageSpec, latent_dim: int, width: int) -> None:
        super().__init__()
        pixels = image.channels * image.size**2
        self.body = nn.Sequential(nn.Linear(pixels + latent_dim, width), nn.LeakyReLU(0.2), nn.Linear(width, 1))

    def forward(self, images: Tensor, latents: Tensor) -> Tensor:
        return self.body(torch.cat([images.flatten(1), latents], dim=1)).squeeze(1)


class BiGAN(TrainingStep):
    """A step that trains the encoder with the generator, and the pair network with the discriminator."""

    @classmethod
    def networks(cls, generator, discriminator, params):
        sizes = generator.image, generator.latent_dim, params.width
        return {"generator": Encoder(*sizes), "discriminator": Pair(*sizes)}

    def judge(self, batch: Batch) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
        real, fake = super().judge(batch)
        encoded = self.companions["generator"](batch.real)
        return self._paired(real, batch.real, encoded), self._paired(fake, batch.fake, batch.latents)

    def generator_loss(self, batch: Batch, penalties) -> Tensor:
        real, fake = self.judge(batch)
        # Generator and encoder minimise the discriminator's loss with real and fake exchanged.
        value = self.loss.discriminator(d_real=fake.logits, d_fake=real.logits)
        self.statistics.add("loss_generator", value)
        return self.penalised("generator", value, penalties, batch, real, fake)

    def _paired(self, outputs: DiscriminatorOutputs, images: Tensor, latents: Tensor) -> DiscriminatorOutputs:
        logits = outputs.logits + self.companions["discriminator"](images, latents).float()
        return DiscriminatorOutputs(logits, outputs.classes, outputs.features)
