"""Batch norm with statistics over the samples of all ranks."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.distributed import collectives

Network = TypeVar("Network", bound=nn.Module)


class SyncedBatchNorm(_BatchNorm):
    """Batch norm with the mean and variance of all ranks' samples, on any device, differentiable twice.

    PyTorch's own ``SyncBatchNorm`` does not accept tensors on the CPU, and its backward pass has no gradient.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        if not collectives.here().together or not (self.training or self.running_mean is None):
            return super().forward(input)
        x = input.float()
        axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
        mean = collectives.mean(x.mean(axes))
        centred = x - mean.view(shape)
        variance = collectives.mean(centred.square().mean(axes))
        if self.training and self.running_mean is not None:
            self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * collectives.here().world)
        x = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            x = torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))
        return x.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running mean and the running unbiased variance, which evaluation uses."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.float()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def synchronise(network: Network) -> Network:
    """Replace a network's batch norms by :class:`SyncedBatchNorm`, with the same weights and names; return the network.

    Only on several ranks. Subclasses with a different ``forward``, such as timm's with an activation, are not replaced.
    """
    if collectives.here().together:
        for parent in list(network.modules()):
            for name, child in parent.named_children():
                if isinstance(child, _BatchNorm) and type(child).forward is _BatchNorm.forward:
                    setattr(parent, name, _synced(child))
    return network


def _synced(norm: _BatchNorm) -> SyncedBatchNorm:
    synced = SyncedBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    synced.__dict__.update(norm.__dict__)
    return synced
