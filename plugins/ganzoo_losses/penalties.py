"""Penalties on the discriminator's gradient with respect to its images: one value per sample, ``(N,)``."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Penalty, PenaltyInputs, draw_normal, draw_uniform, whole_batch
from ganzoo_losses.params import DRAGANParams

# Added under the square root, so that its slope stays finite where the gradient vanishes. It shifts a norm near 1 by
# 5e-13, far below float32's resolution.
EPSILON = 1e-12


def squared_gradient_norm(images: Tensor, inputs: PenaltyInputs) -> Tensor:
    """Return ``|grad D(x)|^2`` at each of the images ``(N, C, H, W)``: ``(N,)``, float32, differentiable.

    The gradient of the summed logits gives each sample's own gradient only if no logit depends on another sample. For
    patch logits ``(N, ...)``, D(x) is their mean.
    """
    at = images.detach().requires_grad_(True)
    logits = inputs.discriminator(at, inputs.labels, rng=inputs.rng)
    if logits.ndim > 1:
        logits = logits.flatten(1).mean(1)
    (gradient,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
    return gradient.float().square().flatten(1).sum(1)


def distance_from_one(squared_norm: Tensor) -> Tensor:
    """Return ``(norm - 1)^2`` for each squared norm ``(N,)``."""
    return ((squared_norm + EPSILON).sqrt() - 1).square()


class GradientPenalty(Penalty):
    """``(|grad D(x)| - 1)^2`` at random points between fake and real images (Gulrajani et al. 2017, eq. 3).

    Without rng, the points are the midpoints.
    """

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        real, fake, rng = inputs.real.detach(), inputs.fake.detach(), inputs.rng
        if rng is None:
            share = real.new_full((len(real), 1, 1, 1), 0.5)
        else:
            share = draw_uniform((len(real), 1, 1, 1), rng, real)
        return distance_from_one(squared_gradient_norm(fake.lerp(real, share), inputs))


class DRAGAN(Penalty):
    """``(|grad D(x)| - 1)^2`` at real images with noise (Kodali et al. 2017, sec. 2.3). Without rng there is no noise.

    The noise is normal. Its standard deviation is ``noise`` times that of all pixels of the whole batch.
    """

    params: DRAGANParams

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        real = inputs.real.detach()
        noise = draw_normal(tuple(real.shape), inputs.rng, real)
        deviation = self.params.noise * whole_batch(real).std()
        return distance_from_one(squared_gradient_norm(real + deviation * noise, inputs))


class R1(Penalty):
    """``|grad D(x)|^2 / 2`` at real images (Mescheder et al. 2018, eq. 9)."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        return squared_gradient_norm(inputs.real, inputs) / 2


class R2(Penalty):
    """``|grad D(x)|^2 / 2`` at generated images (Mescheder et al. 2018, eq. 10)."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        return squared_gradient_norm(inputs.fake, inputs) / 2
