"""Tests of the code that computes KID, precision and recall on a device, run on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganzoo.metrics.features import Features
from ganzoo_fidelity import metrics, on_device
from ganzoo_fidelity.metrics import KID, NEIGHBOURS, PrecisionRecall
from ganzoo_fidelity.on_device import precision_recall, subset_mmds


@pytest.fixture(params=[(300, 420, 16), (60, 50, 2048)], ids=str)
def sides(request):
    count, other, size = request.param
    rng = np.random.default_rng(0)
    return 0.3 + 0.9 * rng.standard_normal((count, size)), rng.standard_normal((other, size))


@pytest.fixture
def features(sides):
    return [Features(len(side), matrix=torch.from_numpy(side).float()) for side in sides]


def distances(one, two):
    return np.sqrt(((one[:, None] - two[None]) ** 2).sum(2))


def test_precision_and_recall_are_those_of_the_definition(sides, monkeypatch):
    monkeypatch.setattr(on_device, "BLOCK", 37)  # no size is a multiple of it

    def covered(points, centres):
        radii = np.sort(distances(centres, centres), axis=1)[:, NEIGHBOURS]
        return (distances(points, centres) <= radii).any(1).mean()

    fake, real = sides
    found = precision_recall(*map(torch.from_numpy, sides), neighbours=NEIGHBOURS)
    assert found == pytest.approx((covered(fake, real), covered(real, fake)), abs=1e-12)


def test_the_mmd_is_the_sum_over_pairs_of_the_definition(sides):
    fake, real = sides
    size = 40
    rng = np.random.RandomState(5)
    expected = []
    for _ in range(3):
        x, y = (side[rng.choice(len(side), size, replace=False)] for side in (fake, real))

        def kernel(a, b):
            return float((a @ b / len(a) + 1) ** 3)

        pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
        within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs) / (size * (size - 1))
        across = sum(kernel(a, b) for a in x for b in y) / size**2
        expected.append(within - 2 * across)
    found = subset_mmds(*map(torch.from_numpy, sides), size=size, seed=5)
    assert found[:3].tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", [KID, PrecisionRecall])
def test_a_device_gives_what_torch_fidelity_gives(features, monkeypatch, metric):
    fake, real = features
    expected = metric()(real=real, fake=fake, seed=3)
    monkeypatch.setattr(metrics, "_on_device", lambda fake: True)
    for name in ("kid_features_to_metric", "prc_features_to_metric"):
        monkeypatch.delattr(metrics, name)  # so that only the device's code can compute the values
    found = metric()(real=real, fake=fake, seed=3)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize(
    ("mode", "device", "there"),
    [("exact", "cpu", False), ("exact", "cuda", True), ("fast", "cuda:1", True), ("reference", "cuda", False)],
)
def test_features_of_a_gpu_are_compared_there(mode, device, there):
    assert metrics._on_device(Features(10, mode=mode, device=device)) is there
