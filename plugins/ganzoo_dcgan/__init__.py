"""Registers `dcgan`, the strided-convolution networks of Radford et al. 2016."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling

NORMS = ("auto", "by-channels", "batch", "layer", "spectral", "none")
INITS = ("normal", "he")


@dataclass
class GeneratorParams:
    latent_dim: int = param(64, "numbers in one latent vector")
    width: int = param(64, "channels at half the image's size; doubles with each halving")
    refine: int = param(32, "channels of one more 3 x 3 convolution at the image's own size; 0: none, as published")
    conditional: bool | None = param(False, "read the class, by conditional batch norm; null: if there are labels")

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "width")
        at_least(self, 0, "refine")


@dataclass
class DiscriminatorParams:
    width: int = param(32, "channels at half the image's size; doubles with each halving")
    refine: int = param(16, "channels of one more 3 x 3 convolution at the image's own size; 0: none, as published")
    norm: str = param(
        "auto",
        f"one of {', '.join(NORMS)}; auto: batch, or none if logits must not mix samples; "
        "by-channels: spectral, or batch for colour images if logits may mix samples",
    )
    init: str = param(
        "normal",
        "initial weights: normal, N(0, 0.02) as published, or he, scaled by the layer's inputs; "
        "without a norm, logits of the former hardly differ for the first images",
    )
    conditional: bool | None = param(
        False, "read the class, by projection; null: if there are labels; default: generator.conditional"
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "width")
        at_least(self, 0, "refine")
        if self.init not in INITS:
            raise ValueError(f"init is {self.init!r}, must be one of {', '.join(INITS)}")
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}, must be one of {', '.join(NORMS)}")


# The losses for which spectral normalisation beats batch normalisation on Fashion-MNIST. On colour images the
# spectrally normalised discriminator stops learning at these learning rates; see benchmarks/trials.md.
BY_CHANNELS = ("minimax", "non-saturating", "hinge", "lsgan", "relativistic")


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="dcgan",
            summary="Strided convolutions at any size 4 to 7 times a power of two",
            paper="Radford, Metz, Chintala 2016, Unsupervised Representation Learning with DCGAN, arXiv:1511.06434",
            generator="ganzoo_dcgan.networks:DCGANGenerator",
            discriminator="ganzoo_dcgan.networks:DCGANDiscriminator",
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
                **{loss: {"discriminator.norm": "by-channels"} for loss in BY_CHANNELS},
                # One critic step instead of five: at this budget, more generator steps help more.
                "wgan-gp": {"loop.discriminator_steps": 1},
                # One critic step here too, with ten times the paper's learning rate and five times its bound.
                "wgan": {
                    "loop.discriminator_steps": 1,
                    "loss.clip": 0.05,
                    "optimizer.generator.lr": 5e-4,
                    "optimizer.discriminator.lr": 5e-4,
                },
            },
        )
    )
