"""The layers of both networks: orthogonal, spectrally normalised layers, and self-attention."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.models.spectral import spectral

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear, nn.Embedding)


def conv(inputs: int, outputs: int, kernel: int, bias: bool = True) -> nn.Conv2d:
    """Return a convolution that keeps the size, orthogonally initialised and spectrally normalised."""
    return _made(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias))


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """Return a fully connected layer, orthogonally initialised and spectrally normalised."""
    return _made(nn.Linear(inputs, outputs, bias=bias))


def embedding(classes: int, width: int) -> nn.Embedding:
    """Return an embedding with a vector for each class, orthogonally initialised and spectrally normalised."""
    return _made(nn.Embedding(classes, width))


def _made(layer: Layer) -> Layer:
    nn.init.orthogonal_(layer.weight)
    if (bias := getattr(layer, "bias", None)) is not None:
        nn.init.zeros_(bias)
    return spectral(layer)


class SelfAttention(nn.Module):
    """Self-attention over all positions of ``(N, C, H, W)`` (Zhang et al. 2019, sec. 3; pooled as in BigGAN's code).

    y = x + gamma O(sum over j of softmax_j(Q(x)_i . K(x)_j) V(x)_j), with 1x1 convolutions Q and K to C/8 channels, V
    to C/2 and O to C. Max pooling halves the size of K and V. gamma starts at 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, wide = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key = conv(channels, narrow, 1, bias=False), conv(channels, narrow, 1, bias=False)
        self.value, self.out = conv(channels, wide, 1, bias=False), conv(wide, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key, value = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.key, self.value))
        shares = torch.softmax(query.transpose(1, 2) @ key, dim=-1)  # (N, H W, H W / 4)
        read = (value @ shares.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(read)
