"""Path length regularisation of StyleGAN2 (Karras et al. 2020)."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.interfaces import Penalty, PenaltyInputs, draw_normal, whole_batch
from ganzoo_losses.averages import MovingAverage
from ganzoo_losses.params import PathLengthParams

# Added under the square root, so that its slope stays finite where the images do not depend on the styles.
EPSILON = 1e-12


@runtime_checkable
class Styled(Protocol):
    """A generator in two parts: latents to styles, and styles to images."""

    def styles(self, latents: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Return the style of each layer, ``(N, L, W)``, for latents ``(N, Z)`` and labels ``(N,)``.

        Training mode mixes styles.
        """

    def synthesise(self, styles: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Return the images ``(N, C, H, W)`` of styles ``(N, L, W)``."""


class PathLength(Penalty):
    """``(|J^T y|_2 - a)^2`` with y ~ N(0, 1) / sqrt(H W) (Karras et al. 2020, eq. 4), ``(N,)``.

    For a :class:`Styled` generator, J is the Jacobian of the images with respect to the styles, and the squared length
    is averaged over the layers, as in the authors' code. For any other generator, J is the Jacobian with respect to the
    latents ``(N, Z)``. a is the moving average of the whole batch's lengths, including this step. It is bias-corrected;
    the authors' average starts at 0. Without rng, y is 0.
    """

    params: PathLengthParams

    def __init__(self, params: PathLengthParams) -> None:
        super().__init__(params)
        self.average = MovingAverage(params.decay)

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        generator, rng = inputs.generator, inputs.rng
        if isinstance(generator, Styled):
            source = generator.styles(inputs.latents, inputs.labels, rng=rng)
            images = generator.synthesise(source, rng=rng)
        else:
            source = inputs.latents.detach().requires_grad_(True)
            images = generator(source, inputs.labels, rng=rng)
        images = images.float()
        noise = draw_normal(tuple(images.shape), rng, images) / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = torch.autograd.grad((images * noise).sum(), source, create_graph=True)
        squared = gradient.float().square().sum(-1)
        lengths = (squared.reshape(len(squared), -1).mean(1) + EPSILON).sqrt()
        return (lengths - self.average.update(whole_batch(lengths.detach()).mean())).square()
