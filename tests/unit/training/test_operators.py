"""The number of operators in a step, which does not depend on the machine or on the widths."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[3] / "benchmarks/speed"))

from operators import Operators, count

pytestmark = pytest.mark.seconds

SMALL = ("generator.width=8", "discriminator.width=8")
# Half of the counts from when every statistic, mean, weight and channel had its own operators.
BOUNDS = {
    "dcgan+non-saturating": {"plain": 200},
    "stylegan-lite+wgan-gp": {"plain": 1072},
    "stylegan-lite+non-saturating+r1": {"with r1": 1083},
}


@pytest.mark.parametrize("recipe", BOUNDS)
def test_a_step_stays_within_its_operators(recipe: str) -> None:
    counts = count(recipe, SMALL)
    for step, bound in BOUNDS[recipe].items():
        assert counts[step].total() <= bound, counts[step].most_common()


def test_what_is_counted() -> None:
    x = torch.ones(4, requires_grad=True)
    with Operators() as operators:
        y = (x.view(2, 2) * 2).sum()  # views are not counted
        torch._foreach_add_([torch.empty(3), torch.empty(2)], 1)  # nor are allocations; a list counts as one
        y.backward()  # ones_like, then mul
    assert operators.counts == {"mul": 2, "sum": 1, "_foreach_add_": 1, "ones_like": 1}
