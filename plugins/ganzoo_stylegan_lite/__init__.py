"""Registers `stylegan-lite`, the networks of StyleGAN2 in plain PyTorch, with widths for small images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling


@dataclass
class GeneratorParams:
    latent_dim: int = param(64, "numbers in one latent vector z")
    w_dim: int = param(128, "numbers in one intermediate latent vector w")
    mapping_layers: int = param(2, "fully connected layers from z to w")
    width: int = param(16, "channels at the image's size; doubles with each halving")
    width_max: int = param(128, "channels at most")
    mixing: float = param(0.5, "share of training samples made from two latents (style mixing)")
    conditional: bool | None = param(
        False, "read the class, by an embedding that joins the mapping's input; null: if there are labels"
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "w_dim", "mapping_layers", "width", "width_max")
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"mixing is {self.mixing}, must be from 0 to 1")


@dataclass
class DiscriminatorParams:
    width: int = param(16, "channels at the image's size; doubles with each halving")
    width_max: int = param(128, "channels at most")
    minibatch_std: bool | None = param(
        None, "show the discriminator how much a batch varies; null: unless logits must not mix samples"
    )
    spectral: bool = param(False, "divide each layer's weight by its largest singular value (Miyato et al. 2018)")
    conditional: bool | None = param(
        False, "read the class, by projection; null: if there are labels; default: generator.conditional"
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "width_max")


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="stylegan-lite",
            summary="A small StyleGAN2: mapping, styles, noise, skip generator, residual discriminator; best with r1",
            paper="Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958",
            generator="ganzoo_stylegan_lite.generator:StyleGANGenerator",
            discriminator="ganzoo_stylegan_lite.discriminator:StyleGANDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_doubling,
            # The betas are the paper's (Karras et al. 2020, app. B). The learning rates, found by trial, are four to
            # eight times the paper's: Adam changes weights of N(0, 1) by the learning rate itself, and small budgets
            # have few steps.
            defaults={
                "discriminator.conditional": "${generator.conditional}",
                "loop.batch": 16,
                "loop.schedule": "linear",
                "loop.hold": 0.5,
                "optimizer.generator.lr": 0.016,
                "optimizer.generator.betas": [0.0, 0.99],
                "optimizer.discriminator.lr": 0.016,
                "optimizer.discriminator.betas": [0.0, 0.99],
            },
            tuned={
                # One critic step instead of five: at small budgets, more generator steps help more.
                "wgan-gp": {"loop.discriminator_steps": 1},
                # The equalised layers scale their weights of N(0, 1) down: the paper's bound of 0.01 on these weights
                # leaves no gradient. With 0.5 and more the gradients explode.
                "wgan": {
                    "loop.discriminator_steps": 1,
                    "loss.clip": 0.3,
                    "optimizer.generator.lr": 0.002,
                    "optimizer.discriminator.lr": 0.002,
                },
                # A discriminator with unbounded logits wins at any learning rate; the loss then saturates and the
                # generator learns nothing. With bounded logits, a generator that learns as fast as the discriminator
                # stalls it: the logits stay near zero.
                "minimax": {"discriminator.spectral": True, "optimizer.generator.lr": 0.004},
                # As good as a penalty in every step, at 1.5 times the speed. The paper applies it every 16 steps.
                "r1": {"penalties.r1.interval": 4},
            },
        )
    )
