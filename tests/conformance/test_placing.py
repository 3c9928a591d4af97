"""The conformance kit follows where tensors are made, to find on a CPU what only a GPU would refuse."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ganzoo.testing.placing import Placed
from ganzoo.testing.verdict import Failure

X = torch.rand(4, 3)


@pytest.mark.parametrize(
    "work",
    [
        lambda: X + torch.ones_like(X),
        lambda: X + torch.ones(4, 3, device=X.device),
        lambda: X + torch.ones(4, 3).to(X.device),
        lambda: X + torch.ones(4, 3).to(X),
        lambda: X + X.new_ones(4, 3),
        lambda: X * torch.tensor(0.5),
        lambda: X[torch.arange(2)],
        lambda: torch.ones(4, 3) + torch.zeros(3),
        lambda: X.clone().copy_(torch.ones(4, 3)),
        lambda: torch.ones(12).view_as(X),
    ],
)
def test_one_device_is_accepted(work):
    with Placed():
        work()


@pytest.mark.parametrize(
    "work",
    [
        lambda: X + torch.ones(4, 3),
        lambda: X + torch.ones(4, 3).double(),
        lambda: X + torch.ones(4, 3).to(torch.float64),
        lambda: X + (torch.ones(3) - torch.arange(3) / 2),
        lambda: X + torch.tensor([1.0, 2.0, 3.0]),
        lambda: torch.cat([X, torch.zeros(1, 3)]),
        lambda: F.linear(X, torch.eye(3)),
        lambda: X.mul_(torch.as_tensor(X.numpy())),
        lambda: torch.where(torch.rand(4, 3) > 0.5, X, -X),
    ],
)
def test_two_devices_are_refused(work):
    with Placed(), pytest.raises(Failure, match="combines a tensor on the CPU with tensors on the run's device"):
        work()
