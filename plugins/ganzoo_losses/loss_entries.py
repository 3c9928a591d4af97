"""The entries of the losses: names, papers, formulas and requirements."""

from __future__ import annotations

from ganzoo import LossEntry, Needs
from ganzoo_losses.params import TopKParams, WGANParams

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
GULRAJANI = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028"
ARJOVSKY = "Arjovsky, Chintala, Bottou 2017, Wasserstein GAN, arXiv:1701.07875"
MAO = "Mao et al. 2017, Least Squares Generative Adversarial Networks, arXiv:1611.04076"
LIM = "Lim, Ye 2017, Geometric GAN, arXiv:1705.02894"
JOLICOEUR = "Jolicoeur-Martineau 2019, The relativistic discriminator, arXiv:1807.00734"
SINHA = "Sinha et al. 2020, Top-k Training of GANs, arXiv:2002.06224"

LOSSES: tuple[LossEntry, ...] = (
    LossEntry(
        name="minimax",
        summary="The original zero-sum game, whose generator loss saturates when the discriminator wins",
        paper=GOODFELLOW,
        target="ganzoo_losses.losses:Minimax",
        formula="D: -E[log s(d_real)] - E[log(1 - s(d_fake))]; G: E[log(1 - s(d_fake))]; s is the sigmoid",
        probability=True,
        patches=True,
    ),
    LossEntry(
        name="non-saturating",
        summary="The original discriminator with a generator that maximises the probability of real",
        paper=GOODFELLOW,
        target="ganzoo_losses.losses:NonSaturating",
        formula="D: -E[log s(d_real)] - E[log(1 - s(d_fake))]; G: -E[log s(d_fake)]; s is the sigmoid",
        probability=True,
        patches=True,
    ),
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
        # No momentum: it would carry the critic's last step into the next, different slope (Gulrajani et al. 2017,
        # algorithm 1).
        defaults={"optimizer.generator.betas": [0.0, 0.9], "optimizer.discriminator.betas": [0.0, 0.9]},
        patches=True,
    ),
    LossEntry(
        name="wgan",
        summary="Wasserstein distance estimated by a critic, kept near Lipschitz by clipping its weights",
        paper=ARJOVSKY,
        target="ganzoo_losses.losses:ClippedWasserstein",
        params=WGANParams,
        formula="D: E[d_fake] - E[d_real], then weights clipped to [-clip, clip]; G: -E[d_fake]",
        discriminator_steps=5,
        zero_is_border=False,
        # The paper warns against momentum and uses RMSProp at 5e-5, which is Adam without its first moment.
        defaults={
            "optimizer.generator.betas": [0.0, 0.99],
            "optimizer.generator.lr": 5e-5,
            "optimizer.discriminator.betas": [0.0, 0.99],
            "optimizer.discriminator.lr": 5e-5,
        },
        patches=True,
    ),
    LossEntry(
        name="lsgan",
        summary="Least squares: fakes to -1, real images to 1, the generator to the border between",
        paper=MAO,
        target="ganzoo_losses.losses:LeastSquares",
        formula="D: E[(d_real - 1)^2] / 2 + E[(d_fake + 1)^2] / 2; G: E[d_fake^2] / 2",
        patches=True,
    ),
    LossEntry(
        name="hinge",
        summary="Margins of 1 on both sides: images told apart by more than the margin give no gradient",
        paper=LIM,
        target="ganzoo_losses.losses:Hinge",
        formula="D: E[max(0, 1 - d_real)] + E[max(0, 1 + d_fake)]; G: -E[d_fake]",
        patches=True,
    ),
    LossEntry(
        name="relativistic",
        summary="The logistic loss of pairs: is this real image more real than that fake?",
        paper=JOLICOEUR,
        target="ganzoo_losses.losses:Relativistic",
        formula="D: E[log(1 + exp(d_fake - d_real))]; G: E[log(1 + exp(d_real - d_fake))]",
        zero_is_border=False,
        generator_needs_real=True,
        patches=True,
    ),
    LossEntry(
        name="top-k",
        summary="The generator learns only from its highest-scored fakes, fewer of them as the run continues",
        paper=SINHA,
        target="ganzoo_losses.top_k:TopK",
        params=TopKParams,
        formula="D: that of base; G: that of base, over the k highest d_fake of the batch, k = batch * nu^progress",
    ),
)
