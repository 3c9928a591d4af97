"""The residual blocks of SNGAN (Miyato et al. 2018, app. B.4) and BigGAN (Brock et al. 2019, fig. 15).

A shortcut gives the input the shape of the result. A 1x1 convolution commutes with doubling and with the mean, so the
shortcut is computed at the smaller size, at a quarter of the cost.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.models.conditional import normalise

Conv = Callable[[int, int, int], nn.Module]
"""Makes a convolution that keeps the size, from the numbers of channels in and out and the size of the kernel."""


class UpBlock(nn.Module):
    """A residual block: normalise, ReLU, double the size, convolve; normalise, ReLU, convolve; add the doubled input.

    Maps ``(N, inputs, H, W)`` to ``(N, outputs, 2 H, 2 W)``.

    conv, norm: make the convolutions and, from a number of channels, the norms; conditional batch norms also read the
    condition.
    """

    def __init__(self, inputs: int, outputs: int, conv: Conv, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1, self.conv2 = conv(inputs, outputs, 3), conv(outputs, outputs, 3)
        self.shortcut = conv(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        y = self.conv1(_double(F.relu(normalise(self.norm1, x, condition))))
        return self.conv2(F.relu(normalise(self.norm2, y, condition))) + _double(self.shortcut(x))


class DownBlock(nn.Module):
    """A residual block: ReLU, convolve, ReLU, convolve; halve the size with ``halve``; add the input.

    With ``first`` the input is an image and skips the first ReLU. conv: makes the convolutions.
    """

    def __init__(self, inputs: int, outputs: int, conv: Conv, *, first: bool = False, halve: bool = True) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.conv1, self.conv2 = conv(inputs, outputs, 3), conv(outputs, outputs, 3)
        self.shortcut = conv(inputs, outputs, 1) if halve or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.halve:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        return y + self.shortcut(x)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
