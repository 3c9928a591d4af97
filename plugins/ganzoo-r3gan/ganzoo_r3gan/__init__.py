"""Registers `r3gan`, the residual networks without normalisation of Huang et al. 2024."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling


@dataclass
class NetworkParams:
    width: int = param(16, "channels at the image's size; doubles with each halving")
    width_max: int = param(128, "channels at most")
    blocks: int = param(1, "residual blocks at each size; 2 as published")
    expansion: int = param(2, "channels inside a block, as a multiple of those outside")
    group: int = param(16, "channels in each group of a convolution; fewer if that does not divide")

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "width_max", "blocks", "expansion", "group")


@dataclass
class DiscriminatorParams(NetworkParams):
    pass


@dataclass
class GeneratorParams(NetworkParams):
    latent_dim: int = param(64, "numbers in one latent vector")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "latent_dim")


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="r3gan",
            summary="Residual blocks of grouped convolutions, no normalisation; best with relativistic+r1+r2",
            paper="Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline, arXiv:2501.05441",
            generator="ganzoo_r3gan.networks:R3GANGenerator",
            discriminator="ganzoo_r3gan.networks:R3GANDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_doubling,
            # The betas are the paper's at the end of its schedule. Its learning rate of 2e-4 is for larger batches and
            # long training; budgets of minutes have few steps.
            defaults={
                "loop.batch": 32,
                "loop.schedule": "linear",
                "loop.hold": 0.5,
                "optimizer.generator.lr": 1e-3,
                "optimizer.generator.betas": [0.0, 0.99],
                "optimizer.discriminator.lr": 1e-3,
                "optimizer.discriminator.betas": [0.0, 0.99],
            },
            tuned={
                # Between the paper's gammas for 32 and for 64 pixels, which the paper lowers during training.
                "relativistic+r1": {"penalties.r1.weight": 0.3},
                "relativistic+r2": {"penalties.r2.weight": 0.3},
                # One critic step instead of five: at small budgets, more generator steps help more.
                "wgan-gp": {"loop.discriminator_steps": 1},
            },
        )
    )
