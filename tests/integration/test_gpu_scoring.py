"""Scores on CUDA; `python -m pytest -m gpu tests/integration/test_gpu_scoring.py`.

They need the FID network, and Fashion-MNIST under GANZOO_DATA or a connection to download it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.images import open_images

from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.metrics.features import Features
from ganzoo.metrics.score import score_arrays
from ganzoo.utils.files import data_root
from ganzoo_fidelity.extractor import InceptionExtractor
from ganzoo_fidelity.metrics import KID, PrecisionRecall
from ganzoo_fidelity.network import find_network

pytestmark = pytest.mark.gpu
ROOT = data_root(None)  # read on import, because tests change GANZOO_DATA
# FID of the test images against the first 10,000 training images, in exact mode on a CPU.
FASHION_FID = 2.5304


@pytest.fixture(scope="module")
def sides(registry):
    return [open_images(registry, "fashion-mnist", split=split, root=ROOT).array[:10000] for split in ("test", "train")]


@pytest.fixture(scope="module")
def scored(registry, sides):
    """A function that returns the score of a mode; each score is computed once."""
    known = {}

    def score(mode):
        if mode not in known:
            scoring = find_scoring(MetricsConfig(names=["fid"], mode=mode), registry)
            known[mode] = score_arrays(scoring, *sides, root=ROOT, device="cuda")
        return known[mode]

    return score


def test_the_fid_of_fashion_mnist_is_that_of_a_cpu(scored):
    assert scored("exact").values["fid"] == pytest.approx(FASHION_FID, abs=1e-3)


def test_the_fast_fid_is_near_the_exact_one(scored):
    assert scored("fast").values["fid"] == pytest.approx(scored("exact").values["fid"], abs=0.05)


def test_the_protocol_says_what_is_in_tf32(scored):
    assert [scored(mode).protocol["tf32"] for mode in ("exact", "fast")] == [False, True]


@pytest.fixture
def tf32_allowed():
    """TF32 allowed in cuDNN and in matrix products."""
    places = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = True
    yield
    for place, allowed in zip(places, before, strict=True):
        place.allow_tf32 = allowed


def test_exact_features_are_those_of_a_cpu_where_tf32_is_allowed(sides, tf32_allowed):
    """The relative error of the features is about 1e-6 in float32; in TF32 it would be about 1e-4."""
    network, images = find_network(None, ROOT), torch.from_numpy(np.array(sides[0][:20]))
    extractors = (InceptionExtractor(network, "exact", torch.device(device), ("2048",)) for device in ("cpu", "cuda"))
    cpu, cuda = (extractor(images)["2048"].cpu() for extractor in extractors)
    assert float((cuda - cpu).norm() / cpu.norm()) < 3e-5


def test_kid_precision_and_recall_are_those_of_a_cpu():
    rng = torch.Generator().manual_seed(0)
    matrices = [torch.randn(2000, 64, generator=rng), 1.1 * torch.randn(1500, 64, generator=rng) + 0.05]
    found = {}
    for device in ("cpu", "cuda"):
        fake, real = (Features(len(matrix), matrix=matrix, device=device) for matrix in matrices)
        found[device] = {**KID()(real=real, fake=fake, seed=1), **PrecisionRecall()(real=real, fake=fake, seed=1)}
    for name, value in found["cpu"].items():
        assert found["cuda"][name] == pytest.approx(value, rel=1e-4, abs=1e-3), name
