"""Registers `mlp`, fully connected networks in the spirit of Goodfellow et al. 2014."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param


@dataclass
class GeneratorParams:
    latent_dim: int = param(64, "numbers in one latent vector")
    width: int = param(256, "units of a hidden layer")
    layers: int = param(3, "hidden layers")

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "width", "layers")


@dataclass
class DiscriminatorParams:
    width: int = param(256, "units of a hidden layer")
    layers: int = param(3, "hidden layers")
    spectral: bool = param(False, "divide each layer's weight by its largest singular value (Miyato et al. 2018)")

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "layers")


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="mlp",
            summary="Fully connected generator and discriminator: the simplest networks that work",
            paper="Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661",
            generator="ganzoo_mlp.networks:MLPGenerator",
            discriminator="ganzoo_mlp.networks:MLPDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            # Tuned on Fashion-MNIST for runs of minutes on two CPU cores; see benchmarks/trials.md.
            defaults={
                "loop.schedule": "linear",
                "loop.hold": 0.5,
                "optimizer.generator.lr": 5e-4,
                "optimizer.generator.betas": [0.0, 0.9],
                "optimizer.discriminator.lr": 5e-4,
                "optimizer.discriminator.betas": [0.0, 0.9],
            },
            tuned={
                "wgan-gp": {"loop.discriminator_steps": 1},
                # Spectral norm was chosen by trial; hinge gains nothing from it.
                "lsgan": {"discriminator.spectral": True},
                "relativistic": {"discriminator.spectral": True},
                "wgan": {
                    "loop.discriminator_steps": 1,
                    "loss.clip": 0.02,
                    "optimizer.generator.lr": 1e-4,
                    "optimizer.discriminator.lr": 1e-4,
                },
            },
        )
    )
