"""The features of images drawn with replacement equal the features of copies of the images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganzoo.metrics.features import Features
from ganzoo.metrics.resampling import resampled, sample_statistics
from ganzoo_fidelity.frechet import frechet_distance


@pytest.mark.parametrize(("count", "dimensions"), [(300, 24), (40, 24), (30, 96)])
def test_statistics_of_distinct_rows_are_those_of_the_sample(count: int, dimensions: int) -> None:
    matrix = torch.randn(count, dimensions, generator=torch.Generator().manual_seed(0)) + 3
    rows = np.random.default_rng(1).integers(0, count, count)
    found, whole = sample_statistics(matrix, rows), matrix.double().numpy()[rows]
    np.testing.assert_allclose(found["mu"], whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["sigma"], np.cov(whole, rowvar=False), rtol=1e-10, atol=1e-12)
    few = len(set(rows.tolist())) < dimensions
    assert ("factor" in found) == few
    if few:
        np.testing.assert_allclose(found["factor"] @ found["factor"].T, found["sigma"], atol=1e-12)


def test_a_frechet_distance_is_the_same_by_the_factor() -> None:
    rng = np.random.default_rng(0)
    real = {"mu": np.zeros(96), "sigma": np.cov(rng.normal(size=(500, 96)), rowvar=False)}
    matrix = torch.from_numpy(rng.normal(size=(60, 96)) + 0.1).float()
    with_factor = sample_statistics(matrix, rng.integers(0, 60, 60))
    without = {name: with_factor[name] for name in ("mu", "sigma")}
    assert frechet_distance(real, with_factor) == pytest.approx(frechet_distance(real, without), rel=1e-8)


def test_features_at_rows_are_copied_with_their_labels() -> None:
    matrix, rows = torch.arange(12.0).view(4, 3), np.array([3, 3, 0])
    taken = resampled(Features(4, matrix=matrix, logits=-matrix, labels=np.array([5, 6, 7, 8])), rows, False)
    assert taken.count == 3 and taken.labels.tolist() == [8, 8, 5]
    assert taken.matrix[:, 0].tolist() == [9.0, 9.0, 0.0] and taken.logits[:, 0].tolist() == [-9.0, -9.0, 0.0]
    assert Features(4, matrix=matrix).at(rows).labels is None
