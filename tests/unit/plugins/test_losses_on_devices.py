"""Losses and penalties that need the whole batch or an average give the same values on two processes as on one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import rules

from ganzoo.testing.devices import train_on


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> list[dict[str, torch.Tensor]]:
    """The measurements of each of two processes."""
    file = tmp_path_factory.mktemp("rules") / "jobs.json"
    train_on(2, [], file, [str(Path(rules.__file__))])
    return [torch.load(file.with_suffix(f".{rank}"), weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def of_one() -> dict[str, torch.Tensor]:
    return rules.measured()


@pytest.mark.long
@pytest.mark.seconds
@pytest.mark.parametrize("case", [" ".join(case) for case in rules.CASES])
def test_two_processes_compute_what_one_computes(of_one, of_two, case):
    one = {name: value for name, value in of_one.items() if name.startswith(f"{case} ")}
    assert any(value.abs().sum() > 0 for name, value in one.items() if not name.endswith("value"))
    for found in of_two:
        same = {name: value for name, value in found.items() if name.startswith(f"{case} ")}
        torch.testing.assert_close(same, one, rtol=1e-4, atol=1e-6)


@pytest.mark.long
@pytest.mark.seconds
def test_buffers_are_equal_to_the_bit_on_both_processes(of_two):
    averages = [name for name in of_two[0] if name.endswith(("total", "weights"))]
    assert len(averages) == 8
    for name in averages:
        assert torch.equal(of_two[0][name], of_two[1][name])
