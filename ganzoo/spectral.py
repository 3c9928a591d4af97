"""Spectral normalisation: a layer whose weight's largest singular value stays 1."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Layer = TypeVar("Layer", bound=nn.Module)
FIRST_PASSES = 15  # of the power method, before training
EPSILON = 1e-12


class Spectral(nn.Module):
    """Divides a weight ``(outputs, inputs, ...)`` by its largest singular value, of the matrix with a row per output
    (Miyato et al. 2018, arXiv:1802.05957, alg. 1).

    In training mode each call improves the estimate by one pass of the power method. The same as torch's
    ``spectral_norm`` in half its operations, which small networks notice, and in float32 under autocast.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("u", torch.randn(len(weight)))
        self.u: Tensor
        with torch.no_grad():
            for _ in range(FIRST_PASSES):
                self(weight)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.movedim(1, -1).flatten(1)  # no copy where channels lie last
            with torch.no_grad():
                v = torch.mv(matrix.t(), self.u)
                v = v / (torch.linalg.vector_norm(v) + EPSILON)
            product = torch.mv(matrix, v)
            largest = torch.linalg.vector_norm(product) + EPSILON
            if self.training:
                self.u.copy_(product.detach() / largest.detach())
            return weight / largest


def spectral(layer: Layer) -> Layer:
    """The layer itself, its ``weight`` normalised from now on."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", Spectral(weight))
    return layer
