"""Consistency regularisation: an image and its augmented version are judged alike."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import DiscriminatorOutputs, Penalty, PenaltyInputs, draw_uniform
from ganzoo_losses.params import ConsistencyParams


def flip_and_shift(images: Tensor, draws: Tensor, shift: int) -> Tensor:
    """Flip each image ``(N, C, H, W)`` or not and move it by whole pixels, mirrored beyond its borders.

    draws: ``(N, 3)`` in [0, 1): flipped from 0.5 on; from 0 to 1, ``shift`` pixels up to ``shift`` pixels down, and as
    many to the left up to the right.
    """
    flip = draws[:, 0] >= 0.5
    down, right = ((draws[:, 1:] * (2 * shift + 1)).floor().long() - shift).unbind(1)
    rows, columns = (
        _mirrored(torch.arange(size, device=images.device) - moved[:, None], size)
        for moved, size in ((down, images.shape[2]), (right, images.shape[3]))
    )
    columns = torch.where(flip[:, None], images.shape[3] - 1 - columns, columns)
    images = images.gather(2, rows[:, None, :, None].expand_as(images))
    return images.gather(3, columns[:, None, None, :].expand_as(images))


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Indices of any value as those from 0 to size - 1, the outermost pixels not repeated: -1 is 1."""
    index = index.remainder(max(2 * (size - 1), 1))
    return torch.minimum(index, 2 * (size - 1) - index)


class Consistency(Penalty):
    """``(D(x) - D(T(x)))^2`` at real images, T a random flip and shift (Zhang et al. 2020), ``(N,)``.

    D(x) is what the discriminator said in this step, so one further pass is taken. Logits ``(N, ...)`` of patches are
    compared one by one and averaged. With an augmentation, the augmented image is augmented once more, as is the other.
    Without rng: flipped and not moved.
    """

    params: ConsistencyParams

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        return self._difference(inputs, inputs.real, inputs.real_outputs)

    def _difference(self, inputs: PenaltyInputs, images: Tensor, outputs: DiscriminatorOutputs | None) -> Tensor:
        """The squared difference ``(N,)`` for images ``(N, C, H, W)`` and what the discriminator said of them."""
        assert outputs is not None  # the discriminator's step has both
        shape = (len(images), 3)
        draws = images.new_full(shape, 0.5) if inputs.rng is None else draw_uniform(shape, inputs.rng, images)
        augmented = flip_and_shift(images.detach(), draws, self.params.shift)
        logits = inputs.discriminator(augmented, inputs.labels, rng=inputs.rng)
        return (outputs.logits.float() - logits.float()).square().reshape(len(images), -1).mean(1)


class BalancedConsistency(Consistency):
    """The same at real and at generated images, added up (Zhao et al. 2021, algorithm 1), ``(N,)``."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        real = self._difference(inputs, inputs.real, inputs.real_outputs)
        return real + self._difference(inputs, inputs.fake, inputs.fake_outputs)
