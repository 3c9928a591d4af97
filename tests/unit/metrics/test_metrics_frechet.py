from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganzoo.metrics.features import Features
from ganzoo_fidelity.frechet import frechet_distance


def gaussian(count: int, dimensions: int, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions)) / dimensions**0.5
    return fid_features_to_statistics(torch.from_numpy(rng.normal(size=(count, dimensions)) @ mixing + rng.normal()))


@pytest.mark.parametrize(("one", "two"), [(500, 500), (500, 40), (40, 500), (40, 30)])
def test_agrees_with_torch_fidelity_even_with_fewer_images_than_dimensions(one: int, two: int) -> None:
    left, right = gaussian(one, 96, 1), gaussian(two, 96, 2)
    expected = fid_statistics_to_metric(left, right, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(left, right) == pytest.approx(expected, rel=1e-6)


def test_is_the_closed_form_for_gaussians_that_share_their_axes() -> None:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    ones, twos = rng.uniform(0.1, 3, size=(2, 20))
    apart = rng.normal(size=20)
    one = {"mu": np.zeros(20), "sigma": axes * ones @ axes.T}
    two = {"mu": apart, "sigma": axes * twos @ axes.T}
    expected = apart @ apart + ((np.sqrt(ones) - np.sqrt(twos)) ** 2).sum()
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-10)


def test_of_a_set_with_itself_is_nothing() -> None:
    assert frechet_distance(gaussian(30, 96, 1), gaussian(30, 96, 1)) == pytest.approx(0, abs=1e-9)


def test_takes_a_side_without_any_variance() -> None:
    point = {"mu": np.zeros(8), "sigma": np.zeros((8, 8))}
    spread = {"mu": np.ones(8), "sigma": 2 * np.eye(8)}
    assert frechet_distance(spread, point) == pytest.approx(8 + 16)
    assert frechet_distance(point, spread) == pytest.approx(8 + 16)


def test_statistics_are_float64_unless_torch_fidelity_is_to_be_followed_to_the_bit() -> None:
    matrix = torch.randn(50, 16, generator=torch.Generator().manual_seed(0)) + 1000
    exact = Features(50, matrix=matrix).statistics
    assert exact["mu"].dtype == exact["sigma"].dtype == np.float64
    np.testing.assert_allclose(exact["mu"], matrix.double().mean(0).numpy(), rtol=1e-14)
    reference = Features(50, matrix=matrix, mode="reference").statistics
    np.testing.assert_array_equal(reference["mu"], fid_features_to_statistics(matrix)["mu"])
