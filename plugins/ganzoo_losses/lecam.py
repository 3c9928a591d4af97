"""LeCam regularisation: keeps the logits near the moving average of the other side (Tseng et al. 2021)."""

from __future__ import annotations

from torch import Tensor

from ganzoo.interfaces import Penalty, PenaltyInputs, whole_batch
from ganzoo_losses.averages import MovingAverage
from ganzoo_losses.params import LeCamParams


class LeCam(Penalty):
    """``(D(x) - a_F)^2 + (D(G(z)) - a_R)^2`` (Tseng et al. 2021), ``(N,)``.

    a_R and a_F are the moving averages of the logits of real and of fake images, including this step. They are
    bias-corrected, so the penalty applies from the first step; the authors' code instead waits for a number of steps.
    The penalty reads the logits of the step, so it takes no further pass. Patch logits ``(N, ...)`` are averaged.
    """

    params: LeCamParams

    def __init__(self, params: LeCamParams) -> None:
        super().__init__(params)
        self.real, self.fake = MovingAverage(params.decay), MovingAverage(params.decay)

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        assert inputs.real_outputs is not None and inputs.fake_outputs is not None  # always given in its step
        d_real, d_fake = (side.logits.float() for side in (inputs.real_outputs, inputs.fake_outputs))
        mean_real, mean_fake = (
            average.update(whole_batch(logits.detach()).mean())
            for average, logits in ((self.real, d_real), (self.fake, d_fake))
        )
        distance = (d_real - mean_fake).square() + (d_fake - mean_real).square()
        return distance.reshape(len(distance), -1).mean(1)
