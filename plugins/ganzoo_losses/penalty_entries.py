"""The entries of the penalties: names, papers, formulas and requirements."""

from __future__ import annotations

from ganzoo import Needs, PenaltyEntry
from ganzoo_losses.params import (
    ACGANParams,
    ConsistencyParams,
    DRAGANParams,
    GPParams,
    LeCamParams,
    PathLengthParams,
    R1R2Params,
    ReACGANParams,
)

GULRAJANI = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028"
MESCHEDER = "Mescheder, Geiger, Nowozin 2018, Which Training Methods for GANs do actually Converge?, arXiv:1801.04406"
KODALI = "Kodali et al. 2017, On Convergence and Stability of GANs, arXiv:1705.07215"
TSENG = "Tseng et al. 2021, Regularizing Generative Adversarial Networks under Limited Data, arXiv:2104.03310"
ZHANG = "Zhang et al. 2020, Consistency Regularization for Generative Adversarial Networks, arXiv:1910.12027"
ZHAO = "Zhao et al. 2021, Improved Consistency Regularization for GANs, arXiv:2002.04724"
ODENA = "Odena, Olah, Shlens 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585"
KANG = "Kang et al. 2021, Rebooting ACGAN: Auxiliary Classifier GANs with Stable Training, arXiv:2111.01118"
KARRAS = "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958"

PENALTIES: tuple[PenaltyEntry, ...] = (
    PenaltyEntry(
        name="gp",
        summary="Pulls the gradient's norm to 1 on lines between real and fake images",
        paper=GULRAJANI,
        target="ganzoo_losses.penalties:GradientPenalty",
        params=GPParams,
        formula="weight * E[(|grad D(x)| - 1)^2], x = e real + (1 - e) fake, e uniform in [0, 1]",
        needs=Needs(per_sample=True),
        patches=True,
    ),
    PenaltyEntry(
        name="dragan",
        summary="Pulls the gradient's norm to 1 around real images",
        paper=KODALI,
        target="ganzoo_losses.penalties:DRAGAN",
        params=DRAGANParams,
        formula="weight * E[(|grad D(x)| - 1)^2], x = real + noise * std(real) * N(0, 1)",
        needs=Needs(per_sample=True),
        patches=True,
    ),
    PenaltyEntry(
        name="r1",
        summary="Flattens the discriminator at real images",
        paper=MESCHEDER,
        target="ganzoo_losses.penalties:R1",
        params=R1R2Params,
        formula="weight / 2 * E[|grad D(real)|^2]",
        needs=Needs(per_sample=True),
        patches=True,
    ),
    PenaltyEntry(
        name="r2",
        summary="Flattens the discriminator at generated images",
        paper=MESCHEDER,
        target="ganzoo_losses.penalties:R2",
        params=R1R2Params,
        formula="weight / 2 * E[|grad D(fake)|^2]",
        needs=Needs(per_sample=True),
        patches=True,
    ),
    PenaltyEntry(
        name="lecam",
        summary="Keeps the logits near the moving average of the other side's, for runs on few images",
        paper=TSENG,
        target="ganzoo_losses.lecam:LeCam",
        params=LeCamParams,
        formula="weight * (E[(d_real - a_fake)^2] + E[(d_fake - a_real)^2]), a the moving averages of the logits",
        patches=True,
    ),
    PenaltyEntry(
        name="cr",
        summary="Keeps the logits of real images constant under flips and shifts",
        paper=ZHANG,
        target="ganzoo_losses.consistency:Consistency",
        params=ConsistencyParams,
        formula="weight * E[(D(real) - D(T(real)))^2], T a random flip and shift",
        patches=True,
    ),
    PenaltyEntry(
        name="bcr",
        summary="Keeps the logits of real and generated images constant under flips and shifts",
        paper=ZHAO,
        target="ganzoo_losses.consistency:BalancedConsistency",
        params=ConsistencyParams,
        formula="weight * (E[(D(real) - D(T(real)))^2] + E[(D(fake) - D(T(fake)))^2]), T a random flip and shift",
        patches=True,
    ),
    PenaltyEntry(
        name="acgan",
        summary="A class head trained on real and fake images; the generator makes images of the requested class",
        paper=ODENA,
        target="ganzoo_losses.acgan:ACGAN",
        params=ACGANParams,
        formula="D: weight * (E[-log P(label|real)] + E[-log P(label|fake)]); G: weight * E[-log P(label|fake)]",
        network="both",
        patches=True,
        needs=Needs(labels=True, outputs=("classes",)),
    ),
    PenaltyEntry(
        name="reacgan",
        summary="Pulls an image's embedding to its class's proxy and pushes it from images of other classes",
        paper=KANG,
        target="ganzoo_losses.reacgan:ReACGAN",
        params=ReACGANParams,
        formula="weight * E[-log(p / (p + sum of exp([f_i.f_j - m_n]+ / tau) over other classes' j))], "
        "p = exp([f_i.v_i - m_p]- / tau), f embeddings and v proxies of length 1, over real images for D, fakes for G",
        network="both",
        patches=True,
        needs=Needs(labels=True, outputs=("embedding", "proxies")),
    ),
    PenaltyEntry(
        name="path-length",
        summary="Makes a step of fixed length in style or latent space change every image by the same amount",
        paper=KARRAS,
        target="ganzoo_losses.path_length:PathLength",
        params=PathLengthParams,
        formula="weight * E[(|J^T y| - a)^2], J = dG/dw, or dG/dz without styles, y ~ N(0, 1) / sqrt(H W), "
        "a the moving average of |J^T y|",
        network="generator",
        patches=True,
    ),
)
