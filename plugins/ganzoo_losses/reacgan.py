"""Data-to-data cross-entropy, the classifier of ReACGAN (Kang et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ganzoo.interfaces import Penalty, PenaltyInputs, of_whole_batch, whole_batch
from ganzoo_losses.params import ReACGANParams


class ReACGAN(Penalty):
    """D2D-CE (Kang et al. 2021), ``(N,)``: pulls a sample to the proxy of its class and pushes it from other classes.

    The discriminator outputs the features "embedding" ``(N, E)`` and "proxies" ``(N, E)``, the trainable proxy of each
    sample's label; both are normalised here. The discriminator learns from real images, the generator from fake ones.
    The samples of other classes are those of the whole batch, also on several devices.
    """

    params: ReACGANParams

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        outputs = inputs.real_outputs if inputs.step_of == "discriminator" else inputs.fake_outputs
        assert outputs is not None and inputs.labels is not None  # the entry's needs
        labels = whole_batch(inputs.labels)
        joined = torch.cat([outputs.features["embedding"].float(), outputs.features["proxies"].float()], 1)
        with torch.autocast(joined.device.type, enabled=False):  # the margins are small against bf16's rounding
            return of_whole_batch(lambda rows: self._of_rows(rows, labels), joined)

    def _of_rows(self, joined: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each sample, ``(N,)``.

        joined: embeddings and proxies ``(N, 2 E)`` of the whole batch. labels: ``(N,)``.
        """
        params = self.params
        embedding, proxies = (normalize(half, eps=1e-6) for half in joined.chunk(2, 1))
        near = ((embedding * proxies).sum(1) - params.margin_positive).clamp(max=0) / params.temperature
        far = (embedding @ embedding.T - params.margin_negative).clamp(min=0) / params.temperature
        far = far.masked_fill(labels[:, None] == labels, -torch.inf)  # the same class, which includes the sample itself
        return torch.cat([near[:, None], far], 1).logsumexp(1) - near
