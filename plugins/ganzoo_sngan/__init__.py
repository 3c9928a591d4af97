"""Registers `sngan`, the residual networks of Miyato et al. 2018."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling


@dataclass
class GeneratorParams:
    latent_dim: int = param(128, "numbers in one latent vector")
    width: int = param(32, "channels of every block; 256 as published")
    conditional: bool | None = param(False, "read the class, by conditional batch norm; null: if there are labels")

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "width")


@dataclass
class DiscriminatorParams:
    width: int = param(32, "channels of every block; 128 as published")
    spectral: bool = param(True, "divide each layer's weight by its largest singular value")
    conditional: bool | None = param(
        False, "read the class, by projection; null: if there are labels; default: generator.conditional"
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "width")


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="sngan",
            summary="Residual blocks, every layer of the discriminator spectrally normalised",
            paper="Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957",
            generator="ganzoo_sngan.networks:SNGANGenerator",
            discriminator="ganzoo_sngan.networks:SNGANDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_doubling,
            # Tuned on Fashion-MNIST for runs of minutes on two CPU cores; see benchmarks/trials.md.
            defaults={
                "discriminator.conditional": "${generator.conditional}",
                "loop.batch": 32,
                "loop.schedule": "linear",
                "loop.hold": 0.5,
                "optimizer.generator.lr": 2e-3,
                "optimizer.generator.betas": [0.0, 0.9],
                "optimizer.discriminator.lr": 2e-3,
                "optimizer.discriminator.betas": [0.0, 0.9],
            },
            tuned={
                "wgan-gp": {"loop.discriminator_steps": 1, "discriminator.spectral": False},
                # Ten times the paper's learning rate, five times its bound, one critic step instead of five.
                "wgan": {
                    "loop.discriminator_steps": 1,
                    "discriminator.spectral": False,
                    "loss.clip": 0.05,
                    "optimizer.generator.lr": 5e-4,
                    "optimizer.discriminator.lr": 5e-4,
                },
            },
        )
    )
