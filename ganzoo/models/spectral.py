"""Spectral normalisation, which keeps the largest singular value of a layer's weight at 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.models.transforms import transformed

Layer = TypeVar("Layer", bound=nn.Module)
FIRST_PASSES = 15  # passes of the power method before training
EPSILON = 1e-18  # keeps an all-zero weight at zero; small, but its own square is above 0 in float32


class Spectral(nn.Module):
    """A parametrization that divides a weight ``(outputs, inputs, ...)`` by the largest singular value of its matrix
    with one row per output (Miyato et al. 2018, arXiv:1802.05957, alg. 1).

    In training mode each call improves the estimate by one pass of the power method. It computes the same as torch's
    ``spectral_norm`` with half the operations, which matters for small networks, and in float32 even under autocast.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("u", torch.randn(len(weight)))
        self.u: Tensor
        self.ready: Tensor | None = None  # the weight that Together has normalised
        with torch.no_grad():
            for _ in range(FIRST_PASSES):
                self(weight)

    def forward(self, weight: Tensor) -> Tensor:
        return self.ready if self.ready is not None else _normalised([self], [weight])[0]


class Together:
    """Hooks of a network that normalise the weights of several layers at once, for each forward pass."""

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = weights

    def begin(self, network: nn.Module, inputs: Any) -> None:
        """Before the forward pass, in training mode, compute all normalised weights."""
        training = [weight for weight in self.weights if network.training and weight.spectral.training]
        if training:
            made = _normalised([spectral for _, spectral in training], [of.original for of, _ in training])
            for weight, value in zip(training, made, strict=True):
                weight.spectral.ready = value

    def end(self, network: nn.Module, inputs: Any, output: Any) -> None:
        """After the forward pass, even if it failed, drop the normalised weights."""
        for weight in self.weights:
            weight.spectral.ready = None


class Weight(NamedTuple):
    """The weight of a layer. parametrization: holds the original weight. spectral: normalises it."""

    parametrization: parametrize.ParametrizationList
    spectral: Spectral


def spectral_weight(layer: nn.Module) -> Weight | None:
    """Return a layer's weight if spectral normalisation is its only parametrization; otherwise None."""
    lists = layer.parametrizations if parametrize.is_parametrized(layer, "weight") else None
    found = lists["weight"] if isinstance(lists, nn.ModuleDict) else None
    if not isinstance(found, parametrize.ParametrizationList) or len(found) != 1:
        return None
    return Weight(found, found[0]) if isinstance(found[0], Spectral) else None


def normalise_together(network: nn.Module) -> None:
    """Make each forward pass of a network normalise all its spectral weights at once. This takes fewer operators, since
    one operator computes the lengths of all vectors."""
    weights = [weight for layer in network.modules() if (weight := spectral_weight(layer)) is not None]
    if weights:
        together = Together(weights)
        network.register_forward_pre_hook(together.begin)
        network.register_forward_hook(together.end, always_call=True)


class Estimate(NamedTuple):
    """The results of one pass of the power method for each of several matrices W, without gradients.

    vs, ps: ``W^T u`` and ``W W^T u``. lengths: those of ps. largest: the estimates of the largest singular values.
    """

    vs: list[Tensor]
    ps: list[Tensor]
    lengths: list[Tensor]
    largest: list[Tensor]


class Division(torch.autograd.Function):
    """The division of weights by their largest singular values, ``|W v|`` for the unit vector v of the power method.

    The gradient is ``(g - <g, W> p v^T / |p|^2) / largest``, for p = W v of any length.
    """

    @staticmethod
    def forward(ctx: Any, estimate: Estimate, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*weights)
        ctx.estimate = estimate
        return tuple(torch._foreach_div(weights, estimate.largest))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, (vs, ps, lengths, largest) = ctx.saved_tensors, ctx.estimate
        if torch.is_grad_enabled():  # the gradient's own gradient may be wanted
            given = zip(weights, vs, gradients, ctx.needs_input_grad[1:], strict=True)
            return None, *(_twice_differentiable(w, v, g) if needed else None for w, v, g, needed in given)
        with torch.autocast(weights[0].device.type, enabled=False):
            rows = [_matrix(gradient) for gradient in gradients]
            products = [torch.dot(g.flatten(), _matrix(w).flatten()) for g, w in zip(rows, weights, strict=True)]
            shares = torch._foreach_div(products, torch._foreach_mul(lengths, lengths))
            shared = torch._foreach_mul(ps, shares)
            rows = [torch.addr(g, p, v, alpha=-1) for g, p, v in zip(rows, shared, vs, strict=True)]
            found = torch._foreach_div(rows, largest)
        return None, *(_like(matrix, weight) for matrix, weight in zip(found, weights, strict=True))


def _normalised(modules: Sequence[Spectral], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    with torch.autocast(weights[0].device.type, enabled=False):
        with torch.no_grad():
            matrices = [_matrix(weight) for weight in weights]
            vs = [torch.mv(matrix.t(), module.u) for matrix, module in zip(matrices, modules, strict=True)]
            ps = [torch.mv(matrix, v) for matrix, v in zip(matrices, vs, strict=True)]
            lengths = list(torch._foreach_norm([*vs, *ps]))
            torch._foreach_add_(lengths, EPSILON)
            v_lengths, p_lengths = lengths[: len(vs)], lengths[len(vs) :]
            learning = [at for at, module in enumerate(modules) if module.training]
            if us := [modules[at].u for at in learning]:
                # u = p / |p|, except for an all-zero weight, which keeps its u and is normalised once it is not zero.
                torch._foreach_mul_(us, EPSILON)
                torch._foreach_add_(us, [ps[at] for at in learning])
                torch._foreach_div_(us, [p_lengths[at] for at in learning])
            largest = list(torch._foreach_div(p_lengths, v_lengths))
        if transformed():
            return tuple(weight / _largest(weight, v) for weight, v in zip(weights, vs, strict=True))
        normalised: tuple[Tensor, ...] = Division.apply(Estimate(vs, ps, p_lengths, largest), *weights)
        return normalised


def _largest(weight: Tensor, v: Tensor) -> Tensor:
    """Return the estimate ``|W v| / |v|`` of the largest singular value, differentiable in the weight."""
    return torch.linalg.vector_norm(torch.mv(_matrix(weight), v)) / torch.linalg.vector_norm(v)


def _twice_differentiable(weight: Tensor, v: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient of one weight, computed by differentiable operators."""
    with torch.autocast(weight.device.type, enabled=False):
        return torch.autograd.grad(weight / _largest(weight, v), weight, gradient, create_graph=True)[0]


def _matrix(weight: Tensor) -> Tensor:
    """Reshape ``(outputs, inputs, ...)`` to ``(outputs, rest)``; no copy if the weight is channels-last."""
    return weight.movedim(1, -1).flatten(1)


def _like(matrix: Tensor, weight: Tensor) -> Tensor:
    """Reshape ``(outputs, rest)`` to the shape of the weight that it was made from."""
    return matrix.unflatten(1, weight.movedim(1, -1).shape[1:]).movedim(-1, 1)


def spectral(layer: Layer) -> Layer:
    """Add spectral normalisation to a layer's ``weight``, and return the layer."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", Spectral(weight))
    return layer
