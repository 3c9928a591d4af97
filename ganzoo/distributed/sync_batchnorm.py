"""Statistics across the samples of a batch, taken over those of all ranks."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.distributed import collectives

Network = TypeVar("Network", bound=nn.Module)


class SyncedBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance are those of every rank's samples, on any device, differentiable twice.

    PyTorch's own ``SyncBatchNorm`` refuses tensors on the CPU, and its backward pass has no gradient.
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
        """What evaluation uses: running means, of the variance the unbiased one."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.float()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def synchronise(network: Network) -> Network:
    """The network itself, its batch norms replaced by such as see all ranks' samples, weights and names kept.

    Subclasses whose forward does more, such as timm's with an activation, stay as they are.
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
