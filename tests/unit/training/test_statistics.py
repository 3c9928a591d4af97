from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganzoo.distributed import collectives
from ganzoo.testing.tape import Tape
from ganzoo.training.stats import Statistics

NAN, INFINITE = float("nan"), float("inf")


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
    # 3 > 2 and 3 > 1 are right, 1 < 2 is wrong, 1 = 1 is a tie
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


def test_against_sums_in_plain_python_with_names_that_come_late():
    """Each step has two phases, every fourth step a penalty; some values are not finite, and there are two reads."""
    statistics, rng = Statistics("cpu", zero_is_border=True), np.random.default_rng(0)
    bad = {("loss", 5): NAN, ("loss", 7): INFINITE, ("penalty", 7): -INFINITE, ("gradient", 21): NAN}
    for steps in (range(20), range(20, 40)):
        sums: dict[str, list[float]] = {}
        for step in steps:
            for names in (["loss", "gradient"], ["other"], ["penalty"] * (step % 4 == 3)):
                with statistics.together():
                    for name in names:
                        value = bad.get((name, step), float(np.float32(rng.normal())))
                        sums.setdefault(name, []).append(value)
                        statistics.add(name, torch.tensor(value))
            statistics.step += 1
        means, firsts = statistics.read()
        assert list(means) == ["loss", "gradient", "other", "penalty"]
        for name, values in sums.items():
            expected = math.fsum(values) / len(values)
            assert means[name] == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True), name
        assert firsts == {name: step for (name, step) in [*bad][::-1] if step in steps}


def test_one_name_in_several_lists_has_one_mean_and_one_first_bad_step():
    statistics = Statistics("cpu", zero_is_border=True)
    for step, (penalised, value) in enumerate([(True, 1.0), (False, 2.0), (False, NAN), (True, NAN)]):
        for finite in (True, False):  # a second name that stays finite
            statistics.step.fill_(step)
            with statistics.together():
                if penalised:
                    statistics.add("penalty", torch.tensor(3.0))
                statistics.add("fine" if finite else "loss", torch.tensor(10.0 + step if finite else value))
    means, firsts = statistics.read()
    assert means["fine"] == 11.5 and means["penalty"] == 3 and math.isnan(means["loss"])
    assert firsts == {"loss": 2}


def test_sums_are_exact_where_float32_would_lose_them():
    statistics = Statistics("cpu", zero_is_border=True)
    for value in (2.0**30, *[1.0] * 1024):
        with statistics.together():
            statistics.add("loss", torch.tensor(value))
    assert statistics.read()[0]["loss"] == (2**30 + 1024) / 1025


def test_a_captured_step_goes_on_writing_when_other_names_have_come():
    statistics, value = Statistics("cpu", zero_is_border=True), torch.zeros(())

    def step(*names: str) -> None:
        with statistics.together():
            for name in names:
                statistics.add(name, value)

    step("loss", "gradient")  # creates its tensors, as the eager steps before a capture do
    replay = Tape([])(lambda: step("loss", "gradient"))
    step("loss", "penalty", "gradient")
    statistics.read()
    value.fill_(4.0)
    replay()
    replay()
    step("loss", "penalty", "gradient")
    value.fill_(NAN)
    statistics.step.fill_(9)
    replay()
    means, firsts = statistics.read()
    assert means["penalty"] == 4 and math.isnan(means["loss"]) and firsts == {"loss": 9, "gradient": 9}


def test_a_step_that_fails_leaves_nothing_behind():
    statistics = Statistics("cpu", zero_is_border=True)
    with pytest.raises(RuntimeError, match="broken"), statistics.together():
        statistics.add("loss", torch.tensor(NAN))
        raise RuntimeError("broken")
    statistics.add("loss", torch.tensor(2.0))
    assert statistics.read() == ({"loss": 2.0}, {})


def test_all_ranks_say_the_mean_and_the_first_bad_step_of_all(monkeypatch):
    """Another rank is simulated: it added 5.0 to both names once, and its gradient was not finite at step 1."""
    statistics = Statistics("cpu", zero_is_border=True)
    with statistics.together():
        statistics.add("loss", torch.tensor(1.0))
        statistics.add("gradient", torch.tensor(3.0))
    monkeypatch.setattr(collectives, "total", lambda totals: totals + torch.tensor([5.0, 5.0, 1.0]))
    monkeypatch.setattr(collectives, "least", lambda firsts: torch.minimum(firsts, torch.tensor([2**62, 1, 2**62])))
    assert statistics.read() == ({"loss": 3.0, "gradient": 4.0}, {"gradient": 1})
