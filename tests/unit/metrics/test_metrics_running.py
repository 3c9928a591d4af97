"""The mean and covariance from running sums equal those of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganzoo.metrics.running import BLOCK, RunningStatistics
from ganzoo_fidelity.frechet import frechet_distance


@pytest.mark.parametrize("count", [2, 30, BLOCK, 3 * BLOCK + 7])
def test_sums_give_the_same_as_the_whole_matrix(count: int) -> None:
    # Like Inception's features: positive, on one scale, and with a mean far from zero.
    rows = torch.rand(count, 16, generator=torch.Generator().manual_seed(0)).square() + 0.4
    running = RunningStatistics()
    for part in rows.split(20):
        running.add(part)
    found, whole = running.result(), rows.double().numpy()
    np.testing.assert_allclose(found["mu"], whole.mean(0), rtol=1e-13)
    np.testing.assert_allclose(found["sigma"], np.cov(whole, rowvar=False), rtol=1e-10, atol=1e-14)
    if count > 16:
        same = frechet_distance(found, {"mu": whole.mean(0), "sigma": np.cov(whole, rowvar=False)})
        assert abs(same) < 1e-9
