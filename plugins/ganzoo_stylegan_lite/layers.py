"""The layers of both networks: layers with equalised learning rates, and filters that change an image's size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.models.rounding import Round, Scale
from ganzoo.models.transforms import transformed

SLOPE = 0.2  # of leaky ReLU


def channels_of(width: int, width_max: int, doublings: int) -> list[int]:
    """Return the channels at each size, smallest size first."""
    return [min(width * 2**k, width_max) for k in range(doublings, -1, -1)]


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """Reshape ``(N, C)`` or ``(C,)`` to broadcast over ``like``, ``(N, C, H, W)``, and cast it to that dtype."""
    return values.to(like.dtype)[..., None, None]


class Equalised(nn.Module):
    """A layer with equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1).

    Weights are initialised from N(0, 1) and multiplied by ``scale`` when used, so that Adam changes all layers at the
    same relative speed. The bias is multiplied by ``lr_multiplier``.
    """

    weight: Tensor
    bias: Tensor | None
    scale: float
    lr_multiplier: float = 1.0

    def __init__(self) -> None:
        super().__init__()
        # Filled by scaled_together: the scaled parameters, and the same rounded to the precision of autocast.
        self.exact: dict[str, Tensor] = {}
        self.ready: dict[str, Tensor] = {}

    def factors(self) -> dict[str, float]:
        """Return the factor of each parameter, by name."""
        return {"weight": self.scale} if self.bias is None else {"weight": self.scale, "bias": self.lr_multiplier}

    def scaled(self, name: str) -> Tensor:
        """Return a parameter times its factor; within :func:`scaled_together`, rounded if autocast is on."""
        return self.ready[name] if name in self.ready else self.exactly_scaled(name)

    def exactly_scaled(self, name: str) -> Tensor:
        """Return a parameter times its factor, in the parameter's own precision."""
        if name in self.exact:
            return self.exact[name]
        value: Tensor = getattr(self, name)
        factor = self.factors()[name]
        return value if factor == 1 else value * factor


@contextmanager
def scaled_together(layers: Sequence[Equalised], x: Tensor) -> Iterator[None]:
    """Scale all parameters of the layers within the context, and round them as autocast would.

    This takes two operators in all instead of two for each parameter. ``x`` is a tensor on the layers' device.
    """
    if transformed():
        yield
        return
    device = x.device.type
    named = [(layer, name, factor) for layer in layers for name, factor in layer.factors().items()]
    exact = Scale.apply([factor for *_, factor in named], *(getattr(layer, name) for layer, name, _ in named))
    ready = Round.apply(torch.get_autocast_dtype(device), *exact) if torch.is_autocast_enabled(device) else exact
    for (layer, name, _), scaled, rounded in zip(named, exact, ready, strict=True):
        layer.exact[name], layer.ready[name] = scaled, rounded
    try:
        yield
    finally:
        for layer in layers:
            layer.exact.clear()
            layer.ready.clear()


class EqualLinear(Equalised):
    """A fully connected layer; ``lr_multiplier`` scales its learning rate."""

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, gain: float = 1.0, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias / lr_multiplier))
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(inputs), lr_multiplier
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled("weight"), self.scaled("bias"))


class EqualEmbedding(Equalised):
    """A vector ``(width,)`` for each class, with a mean square of ``1 / width`` at the start."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width))
        self.bias = None
        self.scale, self.gain = 1 / math.sqrt(width), 1.0

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, self.scaled("weight"))


class EqualConv(Equalised):
    """A convolution that keeps the size; with ``down`` it blurs and halves the size."""

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
        weight, bias = self.scaled("weight"), None if self.bias is None else self.scaled("bias")
        if self.blur is None:
            return F.conv2d(x, weight, bias, padding=self.kernel // 2)
        if self.kernel == 1:  # compute only the blurred pixels that the convolution reads
            return F.conv2d(self.blur(x, padding=1, stride=2), weight, bias)
        return F.conv2d(self.blur(x, padding=2), weight, bias, stride=2)


class Filter(torch.autograd.Function):
    """A convolution of each channel of ``(N, C, H, W)`` with a fixed kernel ``(C, 1, K, K)``, ``transposed`` or not.

    The filter is linear, so the gradient of its gradient is the filter itself. Autograd does not know that the kernel
    is fixed and would also compute the kernel's gradient, with one convolution for each channel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, stride: int, padding: int, transposed: bool) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.options = stride, padding, transposed
        return _filter(x, kernel, *ctx.options)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        return FilterGradient.apply(gradients[0], x.detach(), kernel, *ctx.options), None, None, None, None


class FilterGradient(torch.autograd.Function):
    """The gradient of a Filter with respect to ``x``. It depends only on the shape of ``x``."""

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, x: Tensor, kernel: Tensor, stride: int, padding: int, transposed: bool
    ) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.options = stride, padding, transposed
        wanted = [True, False, False]  # the gradient of x, not those of the kernel and the bias
        pairs = [stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0]
        result: Tensor = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *pairs, len(kernel), wanted)[0]
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return Filter.apply(gradients[0], *ctx.saved_tensors, *ctx.options), None, None, None, None, None


def _filter(x: Tensor, kernel: Tensor, stride: int, padding: int, transposed: bool) -> Tensor:
    if transposed:
        return F.conv_transpose2d(x, kernel, stride=stride, padding=padding, groups=len(kernel))
    return F.conv2d(x, kernel, stride=stride, padding=padding, groups=len(kernel))


class Blur(nn.Module):
    """The low-pass filter [1, 3, 3, 1] along both axes of each of ``channels`` (Zhang 2019, arXiv:1904.11486).

    ``gain`` compensates for the zeros inserted between pixels: 4 when doubling the size.
    """

    def __init__(self, channels: int, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (gain * torch.outer(taps, taps)).repeat(channels, 1, 1, 1), persistent=False)
        self.kernel: Tensor
        # Exact: the numbers are small multiples of 1/64.
        self.register_buffer("bf16_kernel", self.kernel.bfloat16(), persistent=False)
        self.bf16_kernel: Tensor

    def forward(self, x: Tensor, padding: int, stride: int = 1, transposed: bool = False) -> Tensor:
        device = x.device.type
        # CPUs have no fast bf16 kernel for the gradient of a depthwise convolution that skips pixels.
        precise = stride > 1 and not transposed and device == "cpu"
        dtype = x.dtype
        if precise:
            x = x.float()
        elif torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            x = x.to(dtype)
        kernel = (self.bf16_kernel if x.dtype == torch.bfloat16 else self.kernel).to(x.dtype)
        with torch.autocast(device, enabled=False):
            # Exporters understand only the plain operator.
            run = Filter.apply if self.training and x.requires_grad and not transformed() else _filter
            y: Tensor = run(x, kernel, stride, padding, transposed)
        return y.to(dtype)


class Upsample(nn.Module):
    """Doubles the size of images ``(N, C, size, size)`` with the filter of :class:`Blur`."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.blur = Blur(channels, gain=4.0)
        # At the border a quarter of the filter's weight falls outside the image. Dividing by the remaining weight
        # repeats the edge instead of fading it to grey.
        inside = torch.ones(2 * size)
        inside[[0, -1]] = 0.75
        self.register_buffer("share", 1 / torch.outer(inside, inside), persistent=False)
        self.share: Tensor

    def forward(self, x: Tensor) -> Tensor:
        doubled = self.blur(x, padding=1, stride=2, transposed=True)
        return doubled * self.share.to(doubled.dtype)
