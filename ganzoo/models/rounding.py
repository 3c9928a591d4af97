"""Round a network's weights to autocast's precision, all at once. Autocast itself uses a separate operator for each
weight, and for each gradient in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.models.spectral import spectral_weight
from ganzoo.models.transforms import transformed

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class Round(torch.autograd.Function):
    """The conversion of tensors to another dtype, and of their gradients back, bit-identical to ``to``."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.dtype = tensors[0].dtype
        return tuple(_rounded(tensors, dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [gradient for gradient in gradients if gradient is not None]
        if torch.is_grad_enabled():  # the gradient's own gradient may be wanted
            found = [gradient.to(ctx.dtype) for gradient in there]
        else:
            found = _rounded(there, ctx.dtype)
        return None, *_in_place_of(gradients, found)


class Scale(torch.autograd.Function):
    """The multiplication of each tensor by a constant of its own."""

    @staticmethod
    def forward(ctx: Any, factors: Sequence[float], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.factors = factors
        return tuple(torch._foreach_mul(tensors, factors))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        pairs = [(g, factor) for g, factor in zip(gradients, ctx.factors, strict=True) if g is not None]
        if not pairs:
            return None, *gradients
        there, factors = map(list, zip(*pairs, strict=True))
        return None, *_in_place_of(gradients, torch._foreach_mul(there, factors))


class Rounding:
    """A context in which a network's convolutions and fully connected layers use weights that were rounded together."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = [module for module in network.modules() if isinstance(module, LAYERS)]
        # By the layers with a spectral weight. A weight that another parametrization computes is left alone.
        self.spectral = {layer: weight.spectral for layer in self.layers if (weight := spectral_weight(layer))}

    @contextmanager
    def __call__(self, x: Tensor) -> Iterator[None]:
        """Give the layers rounded parameters in the block, under autocast and in training mode.

        x: a tensor on the layers' device.
        """
        if not self.layers[0].training or not torch.is_autocast_enabled(x.device.type) or transformed():
            yield
            return
        own = [(layer, name) for layer in self.layers for name, value in layer._parameters.items() if value is not None]
        kept = [layer._parameters[name] for layer, name in own]
        made = [layer.weight for layer in self.spectral]
        rounded = iter(Round.apply(torch.get_autocast_dtype(x.device.type), *kept, *made))
        for (layer, name), value in zip(own, rounded, strict=False):
            layer._parameters[name] = value
        for normaliser, value in zip(self.spectral.values(), rounded, strict=True):
            normaliser.ready = value
        try:
            yield
        finally:
            for (layer, name), value in zip(own, kept, strict=True):
                layer._parameters[name] = value
            for normaliser in self.spectral.values():
                normaliser.ready = None


def _rounded(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    made = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if made:
        torch._foreach_copy_(made, list(tensors))
    return made


def _in_place_of(gradients: Sequence[Tensor | None], found: Sequence[Tensor]) -> Iterator[Tensor | None]:
    """Return an iterator over the gradients with those that are not None replaced by ``found``, in order."""
    rest = iter(found)
    return (None if gradient is None else next(rest) for gradient in gradients)
