"""Probes built networks and a loss by running them on a few inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, Loss
from ganzoo.training.step import OPTIONAL
from ganzoo.utils.keywords import accepted

REACH = 4.0
LOGITS = tuple(REACH * i / 20 for i in range(-20, 21))


@torch.no_grad()
def passage(network: nn.Module, *inputs: Tensor | None) -> tuple[Tensor, tuple[str, ...]]:
    """Return the output, and the shapes of one image inside the network, as ``channels×height×width``.

    There is one shape for each resolution, with the largest number of channels at it; for a fully connected network,
    one for each width. The network is left in training mode, as it was built.
    """
    seen: list[tuple[int, ...]] = []
    count = next(len(given) for given in inputs if given is not None)

    def note(module: nn.Module, arguments: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim in (2, 4) and len(output) == count:
            seen.append(tuple(output.shape[1:]))

    # Skip modules that compute weights (spectral norm) or look up labels: no image passes through them.
    inner = [
        module
        for name, module in network.named_modules()
        if name and "parametrizations" not in name.split(".") and not isinstance(module, nn.Embedding)
    ]
    handles = [module.register_forward_hook(note) for module in inner]
    network.eval()
    try:
        output: Tensor = network(*inputs)
    finally:
        network.train()
        for handle in handles:
            handle.remove()
    return output, _stages(seen)


@torch.no_grad()
def said(discriminator: Discriminator, images: Tensor, labels: Tensor | None) -> DiscriminatorOutputs:
    """Return all outputs of a discriminator for images. It is left in training mode, as it was built."""
    discriminator.eval()
    try:
        return discriminator.outputs(images, labels)
    finally:
        discriminator.train()


def _stages(seen: list[tuple[int, ...]]) -> tuple[str, ...]:
    widest: dict[tuple[int, ...], int] = {}
    for channels, *size in (shape for shape in seen if len(shape) == 3):
        widest[tuple(size)] = max(channels, widest.get(tuple(size), 0))
    if widest:
        return tuple("×".join(map(str, (channels, *size))) for size, channels in widest.items())
    widths = [shape[0] for shape in seen]
    return tuple(str(width) for i, width in enumerate(widths) if width != widths[i - 1] or i == 0)


@dataclass(frozen=True)
class Curves:
    """A loss over ``LOGITS`` on one side, while the logits of the other side stay at 0.

    d_real, d_fake: the discriminator's loss. g_fake: the generator's loss. A curve is empty if a value is not finite.
    """

    d_real: tuple[float, ...]
    d_fake: tuple[float, ...]
    g_fake: tuple[float, ...]


@torch.no_grad()
def curves(
    loss: Loss,
    generator_needs_real: bool,
    outputs: DiscriminatorOutputs,
    labels: Tensor | None,
    latents: Tensor,
) -> Curves:
    """Compute the curves of any loss by calling it.

    outputs, labels, latents: those of two images, for a loss that takes them; only the logits vary.
    """
    rest = torch.zeros(4)

    def side(name: str, d_real: Tensor | None, d_fake: Tensor) -> Tensor:
        function = getattr(loss, name)
        there = {
            "real_outputs": None if d_real is None else _with_logits(outputs, d_real),
            "fake_outputs": _with_logits(outputs, d_fake),
            "labels": None if labels is None else labels.repeat(2),
            "latents": torch.cat([latents, latents]),
            "progress": torch.zeros(()),
            "rng": torch.Generator().manual_seed(0),  # the same numbers at each point of a curve
        }
        optional = {key: there[key] for key in accepted(function, OPTIONAL)}
        return torch.as_tensor(function(d_real=d_real, d_fake=d_fake, **optional)).float()

    def over(evaluate: Callable[[Tensor], Tensor]) -> tuple[float, ...]:
        values = torch.stack([evaluate(torch.full((4,), x)) for x in LOGITS])
        return tuple(values.tolist()) if bool(values.isfinite().all()) else ()

    return Curves(
        over(lambda x: side("discriminator", x, rest)),
        over(lambda x: side("discriminator", rest, x)),
        over(lambda x: side("generator", rest if generator_needs_real else None, x)),
    )


def _with_logits(outputs: DiscriminatorOutputs, logits: Tensor) -> DiscriminatorOutputs:
    return replace(outputs.map(lambda value: torch.cat([value, value])), logits=logits)


def goal(curve: tuple[float, ...]) -> str:
    """Return where minimising a curve drives the logit: "up", "down", "to X", "up to X", "down to X"; "" if unclear."""
    if not curve or max(curve) - min(curve) < 1e-6:
        return ""
    low = min(curve)
    lowest = [x for x, value in zip(LOGITS, curve, strict=True) if value - low < 1e-6]
    if lowest[-1] == REACH:
        return "up" if lowest[0] == REACH else f"up to {lowest[0]:g}"
    if lowest[0] == -REACH:
        return "down" if lowest[-1] == -REACH else f"down to {lowest[-1]:g}"
    return f"to {sum(lowest) / len(lowest):g}"
