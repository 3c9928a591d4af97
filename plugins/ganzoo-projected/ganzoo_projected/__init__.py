"""Registers `projected`, the discriminator of Sauer et al. 2021 with the generator of Liu et al. 2021."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import ArchitectureEntry, hookimpl
from ganzoo.entries import at_least, param
from ganzoo.models.sizes import check_doubling

NORMS = ("auto", "batch", "none")


@dataclass
class GeneratorParams:
    latent_dim: int = param(64, "numbers in one latent vector")
    width: int = param(32, "channels at the image's size; doubles with each halving")
    width_max: int = param(128, "channels at most")

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "width", "width_max")


@dataclass
class DiscriminatorParams:
    backbone: str = param("tf_efficientnet_lite0", "the feature network: any model of timm")
    pretrained: bool = param(True, "use the published weights; otherwise random ones")
    size: int | None = param(
        None, "images are enlarged to this size for the backbone; null: to 64 if smaller; 224 as published"
    )
    width: int = param(64, "channels of each discriminator")
    norm: str = param("auto", f"one of {', '.join(NORMS)}; auto: batch, or none if logits must not mix samples")

    def __post_init__(self) -> None:
        at_least(self, 32, "size")
        at_least(self, 1, "width")
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}, must be one of {', '.join(NORMS)}")

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of such a row on the leaderboard."""
        return (f"ImageNet features ({self.backbone})",) if self.pretrained else ()


@hookimpl
def register_architectures(register: Callable[[ArchitectureEntry], None]) -> None:
    register(
        ArchitectureEntry(
            name="projected",
            summary="Discriminators on the features of a frozen pretrained network; FastGAN's generator, made small",
            paper="Sauer et al. 2021, Projected GANs Converge Faster, arXiv:2111.01007; generator: Liu et al. 2021, "
            "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis, arXiv:2101.04775",
            generator="ganzoo_projected.generator:FastGANGenerator",
            discriminator="ganzoo_projected.discriminator:ProjectedDiscriminator",
            generator_params=GeneratorParams,
            discriminator_params=DiscriminatorParams,
            check_image=check_doubling,
            # The betas and the discriminators' learning rate are the paper's; with it, the discriminators already tell
            # real from fake at once. The generator's learning rate suits budgets of minutes.
            defaults={
                "loop.batch": 32,
                "loop.schedule": "linear",
                "loop.hold": 0.5,
                "optimizer.generator.lr": 1e-3,
                "optimizer.generator.betas": [0.0, 0.99],
                "optimizer.discriminator.lr": 2e-4,
                "optimizer.discriminator.betas": [0.0, 0.99],
            },
            tuned={"wgan-gp": {"loop.discriminator_steps": 1}},
        )
    )
