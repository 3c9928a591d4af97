"""Registers `biggan-lite`, BigGAN's networks (Brock et al. 2019) with widths for small images and one GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling


@dataclass
class NetworkParams:
    width: int = param(64, "channels at the image's size; doubles with each halving")
    width_max: int = param(256, "channels at most")
    attention: int = param(32, "self-attention at the largest size up to this, below the image's own; 0: none")

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "width_max")
        at_least(self, 0, "attention")


@dataclass
class GeneratorParams(NetworkParams):
    latent_dim: int = param(120, "numbers in one latent vector; each block reads its own part")
    embedding: int = param(128, "numbers in the embedding of a class, read by all blocks")
    conditional: bool | None = param(None, "read the class, by conditional batch norm; null: if there are labels")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "latent_dim", "embedding")


@dataclass
class DiscriminatorParams(NetworkParams):
    conditional: bool | None = param(
        False, "read the class, by projection; null: if there are labels; default: generator.conditional"
    )


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="biggan-lite",
            summary="BigGAN made small: residual blocks that read the class, self-attention, spectral norm everywhere",
            paper="Brock, Donahue, Simonyan 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis, "
            "arXiv:1809.11096; self-attention: Zhang et al. 2019, Self-Attention GANs, arXiv:1805.08318",
            generator="ganzoo_biggan.networks:BigGANGenerator",
            discriminator="ganzoo_biggan.networks:BigGANDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_doubling,
            # The learning rates and the batch are those of Zhang et al. 2019, sec. 4, which suit one GPU. BigGAN's
            # learning rates are half as large and meant for batches of 2048. The betas are BigGAN's (app. C).
            defaults={
                "discriminator.conditional": "${generator.conditional}",
                "loop.batch": 64,
                "optimizer.generator.lr": 1e-4,
                "optimizer.generator.betas": [0.0, 0.999],
                "optimizer.discriminator.lr": 4e-4,
                "optimizer.discriminator.betas": [0.0, 0.999],
            },
        )
    )
