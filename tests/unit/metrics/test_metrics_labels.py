"""Tests of metrics that read the labels of real and generated images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.scoring import NETWORK, Blur, Set, Stub
from support.strangers import with_stranger

from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.entries import ImageSpec, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.metrics.features import Features
from ganzoo.metrics.score import score, score_arrays, score_images
from ganzoo.plugin.registry import Registry

READ: list[Features] = []


class PerClass(Metric):
    """A metric that stores the features that it gets."""

    def __call__(self, *, real: Features, fake: Features, seed: int) -> dict[str, float]:
        READ[:] = [real, fake]
        return {"classes": 1.0}


class Free(Blur):
    conditional = False

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        return (0.3 * latents.view(-1, 1, 8, 8)).clamp(-1, 1)


def entry(**facts: Any) -> MetricEntry:
    return MetricEntry(
        name="per-class", summary="A score by class", target=f"{__name__}:PerClass", reads="features", **facts
    )


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    return stub


@pytest.fixture
def zoo() -> Registry:
    return with_stranger(entry(reads_labels=True), hook="register_metrics")


@pytest.fixture
def real() -> Set:
    rng = np.random.default_rng(0)
    return Set(rng.integers(0, 256, (120, 1, 8, 8), dtype=np.uint8), np.repeat([0, 1, 2], [60, 40, 20]))


SETTINGS = MetricsConfig(names=["per-class"], fakes=130, seed=3)


def test_both_sides_have_the_labels_of_their_images(zoo: Registry, real: Set, tmp_path: Path) -> None:
    generator = Blur()
    for _ in range(2):  # the second time, the real features come from the cache
        generator.seen = []
        score(find_scoring(SETTINGS, zoo), generator, real, root=tmp_path)
        of_real, of_fake = READ
        for side, count in ((of_real, 120), (of_fake, 130)):
            assert side.labels is not None and side.labels.dtype == np.int64
            assert side.labels.shape == (count,) == (len(side.matrix),)
        assert of_real.labels.tolist() == real.labels.tolist()
        assert of_fake.labels.tolist() == torch.cat(generator.seen)[:130].tolist()
    # This generator draws each class brighter than the one before.
    brightness = [float(of_fake.matrix[torch.from_numpy(of_fake.labels == label)].abs().mean()) for label in range(3)]
    assert len(set(of_fake.labels.tolist())) == 3 and brightness == sorted(brightness)


def test_what_has_no_labels_is_refused_before_anything_is_read(
    zoo: Registry, real: Set, stub: Stub, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"root": tmp_path}
    scoring = find_scoring(SETTINGS, zoo)
    bare = replace(real, labels=None, spec=ImageSpec(1, 8))
    with pytest.raises(GanzooError, match=r"^per-class: it reads labels and toy has none; see data\.labels$"):
        score(scoring, Free(), bare, **given)
    with pytest.raises(GanzooError, match=r"^per-class: it reads labels and the generator is not class-conditional"):
        score(scoring, Free(), real, **given)
    with pytest.raises(GanzooError, match="per-class: it reads labels"):
        score_images(scoring, real.array, real, **given)
    with pytest.raises(GanzooError, match="per-class: it reads labels"):
        score_arrays(scoring, real.array, real.array, **given)
    assert stub.read == 0


def test_metrics_that_read_none_are_scored_without(real: Set, tmp_path: Path) -> None:
    zoo = with_stranger(entry(), hook="register_metrics")
    score(find_scoring(SETTINGS, zoo), Free(), real, root=tmp_path)
    assert READ[1].labels is None and READ[0].labels is not None
    score(find_scoring(SETTINGS, zoo), Free(), replace(real, labels=None), root=tmp_path)
    assert READ[0].labels is None
