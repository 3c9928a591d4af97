"""The auxiliary classifier (Odena et al. 2017)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.interfaces import DiscriminatorOutputs, Penalty, PenaltyInputs


class ACGAN(Penalty):
    """The cross-entropy of the class head ``(N, K)`` with the labels ``(N,)`` (Odena et al. 2017, eq. 3), ``(N,)``.

    The discriminator learns to classify real and fake images. The generator learns to draw images that are classified
    as their labels.
    """

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        error = self._error(inputs.fake_outputs, inputs.labels)
        if inputs.step_of == "discriminator":
            error = error + self._error(inputs.real_outputs, inputs.labels)
        return error

    def _error(self, outputs: DiscriminatorOutputs | None, labels: Tensor | None) -> Tensor:
        assert outputs is not None and outputs.classes is not None and labels is not None  # the entry's needs
        return cross_entropy(outputs.classes.float(), labels, reduction="none")
