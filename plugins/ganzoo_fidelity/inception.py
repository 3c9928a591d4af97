"""torch-fidelity's Inception network, with its arithmetic in a faster order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 299  # pixels per side after resizing


Prepare: TypeAlias = Callable[[Tensor], Tensor]


def as_tensorflow(images: Tensor) -> Tensor:
    """Resize as TensorFlow 1.x did, without an offset of half a pixel, and scale to [-1, 1), as torch-fidelity does."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    x: Tensor = interpolate_bilinear_2d_like_tensorflow1x(images, size=(SIZE, SIZE), align_corners=False)
    return (x - 128) / 128


def as_pytorch(images: Tensor) -> Tensor:
    """Resize with PyTorch's bilinear interpolation and scale to [-1, 1], as pytorch-fid does."""
    return F.interpolate(images / 255, size=(SIZE, SIZE), mode="bilinear", align_corners=False) * 2 - 1


class Inception(nn.Module):
    """A network from uint8 images ``(N, 1 or 3, H, W)`` to float32 features, ``(N, D)`` for each of ``layers``.

    Batch norm is folded into the convolutions (Jacob et al. 2018, arXiv:1712.05877, sec. 3.2). The memory layout is
    channels last unless :meth:`set_layout` changes it. A grey image gets three channels after it is resized.

    bf16: compute in bf16, except for the first convolution, since resized pixels have more than the 8 bits of bf16, and
    for the last mean. prepare: a function that resizes and scales float images ``(N, C, H, W)`` of 0 to 255.
    """

    def __init__(
        self, network: nn.Module, layers: Sequence[str], bf16: bool = False, prepare: Prepare | None = None
    ) -> None:
        super().__init__()
        self.prepare = prepare or as_tensorflow
        _fold(network)
        parts = takewhile(lambda named: named[0] != "AvgPool", network.named_children())
        self.first, *rest = (part for _, part in parts)
        self.rest = nn.Sequential(*rest)
        self.mean, self.weight = cast(nn.Module, network.AvgPool), cast(nn.Linear, network.fc).weight
        self.layers, self.dtype = tuple(layers), torch.bfloat16 if bf16 else torch.float32
        self.rest.to(self.dtype)
        self.set_layout(torch.channels_last)

    def set_layout(self, layout: torch.memory_format) -> None:
        """Compute in this memory layout; the features differ only by rounding."""
        self.layout = layout
        self.to(memory_format=layout)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.prepare(images.float()).expand(-1, 3, -1, -1).contiguous(memory_format=self.layout)
        x = self.mean(self.rest(self.first(x).to(self.dtype)).float()).flatten(1)
        found = {"2048": x, "logits_unbiased": x @ self.weight.T}
        return tuple(found[layer] for layer in self.layers)


class ConvRelu(nn.Module):
    """A convolution and its ReLU, fused on a CPU, which saves a pass over the output."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.where = [list(cast(tuple[int, ...], values)) for values in (conv.padding, conv.stride, conv.dilation)]

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return F.relu_(self.conv(x))
        together: Any = torch.ops.mkldnn._convolution_pointwise
        found: Tensor = together(x, self.conv.weight, self.conv.bias, *self.where, 1, "relu", [], "")
        return found


def _fold(module: nn.Module) -> None:
    """Replace each convolution with a batch norm and a ReLU by a :class:`ConvRelu`."""
    for name, part in module.named_children():
        conv, norm = getattr(part, "conv", None), getattr(part, "bn", None)
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            _fold(part)
            continue
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - norm.running_mean.double() * scale
        conv.weight = nn.Parameter((conv.weight.double() * scale.view(-1, 1, 1, 1)).float(), requires_grad=False)
        conv.bias = nn.Parameter(shift.float(), requires_grad=False)
        setattr(module, name, ConvRelu(conv))


__all__ = ["ConvRelu", "Inception", "as_pytorch", "as_tensorflow"]
