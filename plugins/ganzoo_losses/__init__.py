"""Registers losses (`minimax`, `non-saturating`, `wgan-gp`, `wgan`, `lsgan`, `hinge`, `relativistic`) and gradient
penalties (`gp`, `dragan`, `r1`, `r2`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import LossEntry, Needs, PenaltyEntry, PenaltyParams, hookimpl
from ganzoo.entries import above_zero, param

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
GULRAJANI = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028"
MESCHEDER = "Mescheder, Geiger, Nowozin 2018, Which Training Methods for GANs do actually Converge?, arXiv:1801.04406"

ARJOVSKY = "Arjovsky, Chintala, Bottou 2017, Wasserstein GAN, arXiv:1701.07875"
MAO = "Mao et al. 2017, Least Squares Generative Adversarial Networks, arXiv:1611.04076"
LIM = "Lim, Ye 2017, Geometric GAN, arXiv:1705.02894"
JOLICOEUR = "Jolicoeur-Martineau 2019, The relativistic discriminator, arXiv:1807.00734"
KODALI = "Kodali et al. 2017, On Convergence and Stability of GANs, arXiv:1705.07215"


@dataclass
class WGANParams:
    clip: float = param(0.01, "every weight of the critic is kept in [-clip, clip]")

    def __post_init__(self) -> None:
        above_zero(self, "clip")


@dataclass
class GPParams(PenaltyParams):
    weight: float = param(10.0, "lambda, 10 throughout the paper")


@dataclass
class DRAGANParams(PenaltyParams):
    weight: float = param(10.0, "lambda, 10 in the paper")
    noise: float = param(0.5, "deviation of the noise around real images, as a share of the images' own")


@dataclass
class R1R2Params(PenaltyParams):
    # The paper's 10 is for images of 128 pixels and more. Moving every pixel by the same amount is a step whose
    # squared length grows with the number of pixels, so the small images of this zoo want a smaller gamma.
    weight: float = param(1.0, "gamma; the paper takes 10 at 128 pixels and more, small images want less")


@hookimpl
def register_losses(register: Callable[[LossEntry], None]) -> None:
    register(
        LossEntry(
            name="minimax",
            summary="The original zero-sum game, whose generator side saturates where the discriminator wins",
            paper=GOODFELLOW,
            target="ganzoo_losses.losses:Minimax",
            formula="D: -E[log s(d_real)] - E[log(1 - s(d_fake))]; G: E[log(1 - s(d_fake))]; s is the sigmoid",
            probability=True,
        )
    )
    register(
        LossEntry(
            name="non-saturating",
            summary="The original discriminator with a generator that maximises the probability of real",
            paper=GOODFELLOW,
            target="ganzoo_losses.losses:NonSaturating",
            formula="D: -E[log s(d_real)] - E[log(1 - s(d_fake))]; G: -E[log s(d_fake)]; s is the sigmoid",
            probability=True,
        )
    )
    register(
        LossEntry(
            name="wgan-gp",
            summary="Wasserstein distance estimated by a critic, kept near Lipschitz 1 by the gradient penalty",
            paper=GULRAJANI,
            target="ganzoo_losses.losses:Wasserstein",
            formula="D: E[d_fake] - E[d_real]; G: -E[d_fake]",
            discriminator_steps=5,
            zero_is_border=False,
            penalties=("gp",),
            needs=Needs(per_sample=True),
            # Momentum carries a critic's last step into the next, other slope (Gulrajani et al. 2017, algorithm 1).
            defaults={"optimizer.generator.betas": [0.0, 0.9], "optimizer.discriminator.betas": [0.0, 0.9]},
        )
    )
    register(
        LossEntry(
            name="wgan",
            summary="Wasserstein distance estimated by a critic, kept near Lipschitz by clipping its weights",
            paper=ARJOVSKY,
            target="ganzoo_losses.losses:ClippedWasserstein",
            params=WGANParams,
            formula="D: E[d_fake] - E[d_real], then weights clipped to [-clip, clip]; G: -E[d_fake]",
            discriminator_steps=5,
            zero_is_border=False,
            # The paper warns of momentum and takes RMSProp at 5e-5, which is Adam without its first moment.
            defaults={
                "optimizer.generator.betas": [0.0, 0.99],
                "optimizer.generator.lr": 5e-5,
                "optimizer.discriminator.betas": [0.0, 0.99],
                "optimizer.discriminator.lr": 5e-5,
            },
        )
    )
    register(
        LossEntry(
            name="lsgan",
            summary="Least squares: fakes to -1, real images to 1, the generator to the border between",
            paper=MAO,
            target="ganzoo_losses.losses:LeastSquares",
            formula="D: E[(d_real - 1)^2] / 2 + E[(d_fake + 1)^2] / 2; G: E[d_fake^2] / 2",
        )
    )
    register(
        LossEntry(
            name="hinge",
            summary="Margins of 1 on both sides: what is told apart well enough teaches no more",
            paper=LIM,
            target="ganzoo_losses.losses:Hinge",
            formula="D: E[max(0, 1 - d_real)] + E[max(0, 1 + d_fake)]; G: -E[d_fake]",
        )
    )
    register(
        LossEntry(
            name="relativistic",
            summary="The logistic loss of pairs: is this real image more real than that fake?",
            paper=JOLICOEUR,
            target="ganzoo_losses.losses:Relativistic",
            formula="D: E[log(1 + exp(d_fake - d_real))]; G: E[log(1 + exp(d_real - d_fake))]",
            zero_is_border=False,
            generator_needs_real=True,
        )
    )


@hookimpl
def register_penalties(register: Callable[[PenaltyEntry], None]) -> None:
    per_sample = Needs(per_sample=True)
    register(
        PenaltyEntry(
            name="gp",
            summary="Pulls the gradient's norm to 1 on lines between real and fake images",
            paper=GULRAJANI,
            target="ganzoo_losses.penalties:GradientPenalty",
            params=GPParams,
            formula="weight * E[(|grad D(x)| - 1)^2], x = e real + (1 - e) fake, e uniform in [0, 1]",
            needs=per_sample,
        )
    )
    register(
        PenaltyEntry(
            name="dragan",
            summary="Pulls the gradient's norm to 1 around real images",
            paper=KODALI,
            target="ganzoo_losses.penalties:DRAGAN",
            params=DRAGANParams,
            formula="weight * E[(|grad D(x)| - 1)^2], x = real + normal noise",
            needs=per_sample,
        )
    )
    register(
        PenaltyEntry(
            name="r1",
            summary="Flattens the discriminator at real images",
            paper=MESCHEDER,
            target="ganzoo_losses.penalties:R1",
            params=R1R2Params,
            formula="weight / 2 * E[|grad D(real)|^2]",
            needs=per_sample,
        )
    )
    register(
        PenaltyEntry(
            name="r2",
            summary="Flattens the discriminator at generated images",
            paper=MESCHEDER,
            target="ganzoo_losses.penalties:R2",
            params=R1R2Params,
            formula="weight / 2 * E[|grad D(fake)|^2]",
            needs=per_sample,
        )
    )
