"""Layers that both networks are made of: equalised learning rates, and the filters that change a picture's size."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EqualLinear(nn.Module):
    """A fully connected layer with equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1).

    Weights start from N(0, 1) and are scaled when used, so that Adam moves all layers at one relative speed;
    ``lr_multiplier`` slows a layer down by that factor.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, gain: float = 1.0, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias / lr_multiplier))
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(inputs), lr_multiplier
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.lr_multiplier)


class EqualConv(nn.Module):
    """A convolution with equalised learning rate; ``down`` blurs and halves the size. ``gain`` as in EqualLinear."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, gain: float = 1.0, bias: bool = True, down: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.gain = gain / math.sqrt(inputs * kernel**2), gain
        self.kernel = kernel
        self.blur = Blur(inputs) if down else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        if self.blur is None:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        if self.kernel == 1:  # of the blurred pixels, only those it reads are made
            return F.conv2d(self.blur(x, padding=1, stride=2), weight, self.bias)
        return F.conv2d(self.blur(x, padding=2), weight, self.bias, stride=2)


class Blur(nn.Module):
    """The low-pass filter [1, 3, 3, 1] on each of ``channels``, along both axes (Zhang 2019, arXiv:1904.11486).

    ``gain`` makes up for zeros put between pixels: 4 when doubling the size.
    """

    def __init__(self, channels: int, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (gain * torch.outer(taps, taps)).repeat(channels, 1, 1, 1), persistent=False)
        self.kernel: Tensor
        self.channels = channels

    def forward(self, x: Tensor, padding: int, stride: int = 1) -> Tensor:
        # CPUs have no fast bf16 kernel for the gradient of a depthwise convolution that skips pixels.
        precise = stride > 1 and x.device.type == "cpu"
        with torch.autocast(x.device.type, enabled=False) if precise else nullcontext():
            y = F.conv2d(x.float() if precise else x, self.kernel, padding=padding, stride=stride, groups=self.channels)
        return y.to(x.dtype)


class Upsample(nn.Module):
    """Doubles the size of pictures ``(N, C, size, size)`` by the same filter."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.blur = Blur(channels, gain=4.0)
        # At the border a quarter of the filter's weight falls outside the picture; dividing by what remains
        # repeats the edge instead of fading it to grey.
        inside = torch.ones(2 * size)
        inside[[0, -1]] = 0.75
        self.register_buffer("share", 1 / torch.outer(inside, inside), persistent=False)
        self.share: Tensor

    def forward(self, x: Tensor) -> Tensor:
        doubled = F.conv_transpose2d(x, self.blur.kernel, stride=2, padding=1, groups=self.blur.channels)
        return doubled * self.share.to(doubled.dtype)
