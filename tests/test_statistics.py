from __future__ import annotations

import pytest
import torch

from ganzoo.statistics import Statistics


def test_means_and_reset():
    statistics = Statistics("cpu", zero_is_border=True)
    for value in (1.0, 2.0):
        statistics.add("loss", torch.tensor(value))
    assert statistics.read() == ({"loss": 1.5}, {})
    assert statistics.read() == ({}, {})


def test_auc_counts_pairs_and_halves_ties():
    statistics = Statistics("cpu", zero_is_border=False)
    statistics.add_logits(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0]))
    means, _ = statistics.read()
    # 3>2, 3>1 right; 1<2 wrong; 1=1 a tie
    assert means == {"auc": pytest.approx(2.5 / 4), "ties": 0.25}


def test_accuracy_only_where_zero_is_the_border():
    statistics = Statistics("cpu", zero_is_border=True)
    statistics.add_logits(torch.tensor([1.0, -1.0, 2.0, 3.0]), torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    means, _ = statistics.read()
    assert means["accuracy_real"] == 0.75
    assert means["accuracy_fake"] == 0.25


def test_the_first_bad_step_of_each_part_is_remembered():
    statistics = Statistics("cpu", zero_is_border=True)
    for value in (1.0, float("nan"), float("inf")):
        statistics.add("loss", torch.tensor(value))
        statistics.add("fine", torch.tensor(0.0))
        statistics.step += 1
    assert statistics.read()[1] == {"loss": 1}
