"""Loss scaling for fp16, in which unscaled gradients would be rounded to zero or to infinity.

The loss is multiplied by a large scale and the gradients are divided by it (Micikevicius et al. 2018,
arXiv:1710.03740). If a gradient is not finite, the step is skipped and the scale is halved; after 2,000 good steps it
is doubled. Each network has a scale of its own, as the two losses differ in size and change independently.

The scale does not protect a penalty on gradients: its gradients with respect to the images are intermediate values,
which are not scaled and would lose small digits in fp16. So penalties compute in float32. They are part of the scaled
loss, so the backward pass through them is scaled like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

LEAST = 1.0  # at this scale a gradient that is not finite is the network's, not the scale's


class Unscaled:
    """The handling of a loss in float32 or bf16, which needs no scale."""

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss."""
        return loss

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave the gradients as they are."""

    def step(self, optimizer: torch.optim.Optimizer, norm: Tensor) -> Tensor:
        """Take the optimizer's step; return the norm."""
        optimizer.step()
        return norm


class Scaler(Unscaled):
    """The scaler of one network's loss; it also takes the optimizer's steps, and counts those that it skips."""

    def __init__(self, device: torch.device) -> None:
        self._scaler = torch.amp.GradScaler(device.type)
        self._scaler.scale(torch.zeros((), device=device))  # creates the scale, else made at the first loss
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)

    def scale(self, loss: Tensor) -> Tensor:
        """Return the scaled loss."""
        return self._scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters, already averaged over the ranks, by the scale."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer, norm: Tensor) -> Tensor:
        """Take the optimizer's step, or skip it if the norm is not finite. Return the norm, or 0 for a skipped step.

        norm: the norm of the unscaled gradients. At the least scale a norm that is not finite is returned unchanged,
        because then the network itself has diverged.
        """
        overflow = ~norm.isfinite()
        excused = overflow & (self._scaler._scale > LEAST)  # type: ignore[operator]
        self._scaler.step(optimizer)
        self._scaler.update()
        self.skipped += overflow
        return torch.where(excused, torch.zeros_like(norm), norm)

    def state_dict(self) -> dict[str, Any]:
        """Return the scale, how many steps it has lasted, and the count of skipped steps."""
        return {**self._scaler.state_dict(), "skipped": int(self.skipped)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what :meth:`state_dict` returned. Raises LookupError or RuntimeError if it is anything else."""
        self.skipped.fill_(state["skipped"])
        self._scaler.load_state_dict({key: value for key, value in state.items() if key != "skipped"})


def autocast(device: torch.device, *, bf16: bool, fp16: bool) -> AbstractContextManager[object]:
    """Return a context that computes in fp16 or bf16 where torch considers it safe; without either, in float32."""
    dtype = torch.float16 if fp16 else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype) if fp16 or bf16 else nullcontext()


def for_penalties(device: torch.device, *, fp16: bool) -> AbstractContextManager[object]:
    """Return a context that computes in float32 instead of fp16, since a penalty's inner gradients are not scaled."""
    return torch.autocast(device.type, enabled=False) if fp16 else nullcontext()
