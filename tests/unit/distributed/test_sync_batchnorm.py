"""Synchronised batch norm: which layers are replaced, and that they use the samples of all ranks."""

from __future__ import annotations

import torch
from torch import nn

from ganzoo.distributed.sync_batchnorm import SyncedBatchNorm, synchronise
from ganzoo.testing.ranks import Ranks


class Activated(nn.BatchNorm2d):
    """A batch norm whose forward also applies an activation, like timm's."""

    def forward(self, input):
        return super().forward(input).relu()


def test_a_batch_norm_that_does_more_stays_as_it_is():
    """A batch norm with its own forward is not replaced, since that would remove its activation."""
    ranks = Ranks(2)
    with ranks.simulated(), ranks.at(0):
        network = synchronise(nn.Sequential(Activated(3), nn.BatchNorm2d(3)))
    assert [type(part) for part in network] == [Activated, SyncedBatchNorm]


def test_simulated_ranks_have_the_statistics_of_the_whole_batch():
    images = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    ranks = Ranks(2)

    def normalised(rank: int) -> torch.Tensor:
        return synchronise(nn.Sequential(nn.BatchNorm2d(3)))(images[rank::2]).detach()

    with ranks.simulated():
        first, second = ranks.run(normalised)
    whole = nn.BatchNorm2d(3)(images).detach()
    torch.testing.assert_close(torch.stack([first, second], 1).flatten(0, 1), whole)
