"""The averaged generator, compared with the formula tensor by tensor."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.training import ema
from ganzoo.training.ema import Average, move_by_foreach, move_by_lerp


def network(seed: int) -> nn.Module:
    """Return a network with random weights and buffers and a counter, in the channels-last format."""
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8), nn.Linear(5, 2)).to(memory_format=torch.channels_last)
    made[1].running_mean.normal_()
    made[1].num_batches_tracked.fill_(seed)
    return made


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("move", [move_by_lerp, move_by_foreach])
def test_each_tensor_moves_by_its_share_and_counters_are_copied(monkeypatch, decay, move):
    monkeypatch.setattr(ema, "move_by_lerp", move)
    mean = Average(network(1))
    mean.set_decay(decay)
    before = {name: value.clone() for name, value in mean.module.state_dict().items()}
    places = [value.data_ptr() for value in mean.module.state_dict().values()]
    model = network(2)
    mean.update(model)
    for name, value in model.state_dict().items():
        found = mean.module.state_dict()[name]
        if value.is_floating_point():
            expected = decay * before[name].double() + (1 - decay) * value.double()
            torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
            if move is move_by_lerp:
                assert torch.equal(found, before[name].lerp(value, torch.tensor(1 - decay))), name
        else:
            assert found == value == 2
    assert [value.data_ptr() for value in mean.module.state_dict().values()] == places


@pytest.mark.parametrize("move", [move_by_lerp, move_by_foreach])
def test_a_tensor_with_two_names_moves_once(monkeypatch, move):
    class Aliased(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.first = nn.Linear(1, 1)
            self.body = nn.Sequential(self.first)
            nn.init.constant_(self.first.weight, value)

    monkeypatch.setattr(ema, "move_by_lerp", move)
    mean = Average(Aliased(0.0))
    mean.set_decay(0.9)
    mean.update(Aliased(1.0))
    assert mean.module.first.weight.item() == pytest.approx(0.1)
