"""Consistency regularisation: the discriminator gives an image and its augmented version the same logit."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import DiscriminatorOutputs, Penalty, PenaltyInputs, draw_uniform
from ganzoo.utils.mirroring import mirrored
from ganzoo_losses.params import ConsistencyParams


def flip_and_shift(images: Tensor, draws: Tensor, shift: int) -> Tensor:
    """Flip some of the images ``(N, C, H, W)`` left to right and move each by whole pixels, mirrored at its borders.

    draws: ``(N, 3)`` in [0, 1). The first number flips the image if it is 0.5 or more. The second moves the image, from
    ``shift`` pixels up at 0 to ``shift`` pixels down at 1; the third moves it in the same way from left to right.
    """
    flip = draws[:, 0] >= 0.5
    down, right = ((draws[:, 1:] * (2 * shift + 1)).floor().long() - shift).unbind(1)
    rows, columns = (
        mirrored(torch.arange(size, device=images.device) - moved[:, None], size)
        for moved, size in ((down, images.shape[2]), (right, images.shape[3]))
    )
    columns = torch.where(flip[:, None], images.shape[3] - 1 - columns, columns)
    images = images.gather(2, rows[:, None, :, None].expand_as(images))
    return images.gather(3, columns[:, None, None, :].expand_as(images))


class Consistency(Penalty):
    """``(D(x) - D(T(x)))^2`` of real images, ``(N,)``, with T a random flip and shift (Zhang et al. 2020).

    D(x) are the logits of this step, so only D(T(x)) takes a further pass. Patch logits ``(N, ...)`` are compared one
    by one and averaged. If the recipe has an augmentation, the discriminator applies it to both x and T(x). Without
    rng, T flips every image and does not shift it.
    """

    params: ConsistencyParams

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        return self._difference(inputs, inputs.real, inputs.real_outputs)

    def _difference(self, inputs: PenaltyInputs, images: Tensor, outputs: DiscriminatorOutputs | None) -> Tensor:
        """Return the squared difference ``(N,)`` for images ``(N, C, H, W)`` and this step's outputs for them."""
        assert outputs is not None  # always given in the discriminator's step
        shape = (len(images), 3)
        draws = images.new_full(shape, 0.5) if inputs.rng is None else draw_uniform(shape, inputs.rng, images)
        augmented = flip_and_shift(images.detach(), draws, self.params.shift)
        logits = inputs.discriminator(augmented, inputs.labels, rng=inputs.rng)
        return (outputs.logits.float() - logits.float()).square().reshape(len(images), -1).mean(1)


class BalancedConsistency(Consistency):
    """The sum of the same penalty on real and on generated images (Zhao et al. 2021, algorithm 1), ``(N,)``."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        real = self._difference(inputs, inputs.real, inputs.real_outputs)
        return real + self._difference(inputs, inputs.fake, inputs.fake_outputs)
