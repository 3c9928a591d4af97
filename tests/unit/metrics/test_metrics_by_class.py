"""Tests of scores by class: closed forms, naive references, and generators that draw the wrong class."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.scoring import NETWORK, Blur, Set, Stub

from ganzoo.cli.eval import _table
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.errors import GanzooError
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.metrics.features import Features
from ganzoo.metrics.labels import named_classes, split_values
from ganzoo.metrics.score import Score, score, score_images
from ganzoo.runs.by_class import read_by_class
from ganzoo_fidelity.by_class import ClassifierAccuracy, IntraFID, LogisticRegression, held_out_of
from ganzoo_fidelity.frechet import frechet_distance, frechet_of_features
from ganzoo_fidelity.metrics import FID

WIDTH, CLASSES = 6, 4


def side(seed: int, each: int, *, shown: str = "asked") -> Features:
    """Return features near one point for each class. ``shown`` sets which class is drawn: the one that is asked for, a
    random one ("none") or the next one ("other")."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), each))
    looks = {"asked": labels, "none": rng.permutation(labels), "other": (labels + 1) % CLASSES}[shown]
    matrix = rng.normal(size=(len(labels), WIDTH)) + 6 * np.eye(CLASSES, WIDTH)[looks]
    return Features(len(labels), matrix=torch.from_numpy(matrix).float(), labels=labels)


@pytest.mark.parametrize("counts", [(4, 3), (4, 40), (50, 60)], ids=["few", "few against many", "many"])
def test_the_distance_of_features_is_that_of_their_statistics(counts):
    one, two = (torch.randn(count, 8, generator=torch.Generator().manual_seed(count)) for count in counts)
    expected = frechet_distance(*(Features(len(rows), matrix=rows).statistics for rows in (one, two)))
    assert frechet_of_features(one, two) == pytest.approx(expected, rel=1e-6)


def test_intra_fid_is_the_mean_of_the_fids_within_each_class():
    real, fake = side(0, 30), side(1, 20)
    found = IntraFID()(real=real, fake=fake, seed=0)
    naive = []
    for label in range(CLASSES):
        within = [Features(0, matrix=part.matrix[torch.from_numpy(part.labels) == label]) for part in (real, fake)]
        naive.append(FID()(real=within[0], fake=within[1], seed=0)["fid"])
        assert found[f"intra_fid:{label}"] == pytest.approx(naive[-1], rel=1e-6)
    assert found["intra_fid"] == pytest.approx(np.mean(naive), rel=1e-6) and len(found) == 1 + CLASSES


def test_intra_fid_of_points_that_are_moved_is_the_squared_distance():
    real = side(0, 30)
    moved = Features(real.count, matrix=real.matrix + torch.tensor([3.0, 0, 0, 0, 0, 4.0]), labels=real.labels)
    assert IntraFID()(real=real, fake=moved, seed=0)["intra_fid"] == pytest.approx(25, rel=1e-4)


def test_intra_fid_sees_what_fid_does_not():
    real, right, mixed = side(0, 200), side(1, 200), side(1, 200, shown="other")
    plain = [FID()(real=real, fake=fake, seed=0)["fid"] for fake in (right, mixed)]
    intra = [IntraFID()(real=real, fake=fake, seed=0)["intra_fid"] for fake in (right, mixed)]
    assert max(plain) < 0.1 and intra[0] < 1 and intra[1] > 50


@pytest.mark.parametrize("what", ["real", "generated"])
def test_a_class_of_one_image_is_refused_in_one_line(what):
    sides = {"real": side(0, 10), "generated": side(1, 10)}
    few = sides[what]
    kept = np.flatnonzero(few.labels != 2).tolist() + np.flatnonzero(few.labels == 2).tolist()[:1]
    sides[what] = Features(len(kept), matrix=few.matrix[kept], labels=few.labels[kept])
    with pytest.raises(GanzooError, match=f"^intra-fid: class 2 has 1 {what} image, must have 2 or more; "):
        IntraFID()(real=sides["real"], fake=sides["generated"], seed=0)


def test_the_bias_of_small_classes_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "ganzoo"):
        IntraFID()(real=side(0, 20), fake=side(1, WIDTH + 1), seed=0)
        assert caplog.text == ""
        IntraFID()(real=side(0, 20), fake=side(1, WIDTH), seed=0)
    assert "has only 6 generated images for 6 features" in caplog.text and len(caplog.records) == 1


@pytest.mark.parametrize(("shown", "least", "most"), [("asked", 0.97, 1), ("none", 0.17, 0.33), ("other", 0, 0.03)])
def test_the_classifier_finds_the_class_that_is_drawn(shown, least, most):
    found = ClassifierAccuracy()(real=side(0, 50), fake=side(1, 100, shown=shown), seed=0)
    assert least <= found["classifier_accuracy"] <= most
    assert found["classifier_accuracy_real"] > 0.95


def test_the_seed_does_not_matter_and_labels_may_have_gaps():
    real, fake = side(0, 50), side(1, 50, shown="none")
    far = [Features(part.count, matrix=part.matrix, labels=7 * part.labels + 3) for part in (real, fake)]
    metric = ClassifierAccuracy()
    assert metric(real=real, fake=fake, seed=0) == metric(real=real, fake=fake, seed=5)
    assert metric(real=real, fake=fake, seed=0) == metric(real=far[0], fake=far[1], seed=0)


def test_the_classifier_is_at_the_minimum_of_its_convex_problem():
    """20,000 steps of plain gradient descent reach the same weights and predictions."""
    real = side(0, 25)
    features, labels = real.matrix.double(), torch.from_numpy(real.labels)
    found = LogisticRegression(features, labels)
    given = (features - features.mean(0)) / features.std(0, correction=0)
    weight, bias = torch.zeros(CLASSES, WIDTH).double(), torch.zeros(CLASSES).double()
    hot = torch.eye(CLASSES).double()[labels]
    for _ in range(20_000):
        wrong = ((given @ weight.T + bias).softmax(1) - hot) / len(given)
        weight, bias = weight - (wrong.T @ given + 1e-3 * weight), bias - wrong.sum(0)
    torch.testing.assert_close(found.weight, weight, rtol=1e-2, atol=1e-2)
    assert torch.equal(found(features), (given @ weight.T + bias).argmax(1))


def test_a_constant_feature_does_no_harm():
    features = torch.cat([side(0, 25).matrix, torch.ones(100, 1)], 1)
    classify = LogisticRegression(features, torch.from_numpy(side(0, 25).labels))
    assert classify.weight.isfinite().all() and (classify(features) == torch.from_numpy(side(0, 25).labels)).all()


def test_every_fifth_image_of_each_class_is_held_out():
    labels = np.array([1, 0] * 5 + [2] * 4)
    marked = held_out_of(labels)
    assert np.flatnonzero(marked).tolist() == [8, 9]
    with pytest.raises(GanzooError, match=r"^classifier-accuracy: no class has 5 real images or more"):
        ClassifierAccuracy()(real=side(0, 4), fake=side(1, 4), seed=0)


def test_values_of_a_class_are_told_from_those_of_the_whole():
    values, by_class = split_values({"intra_fid": 2.0, "intra_fid:0": 1.0, "intra_fid:10": 3.0, "a:b": 4.0})
    assert values == {"intra_fid": 2.0, "a:b": 4.0} and by_class == {"intra_fid": {0: 1.0, 10: 3.0}}
    assert named_classes(by_class, [f"c{k}" for k in range(11)]) == {"intra_fid": {"c0": 1.0, "c10": 3.0}}
    assert named_classes({"f": {0: 1.0, 1: 2.0}}, ["same", "same"]) == {"f": {"0": 1.0, "1": 2.0}}


@pytest.mark.parametrize("damaged", [None, [], {"fid": 3}, {"fid": {"a": "x", "b": None, "c": True}}])
def test_damaged_values_of_classes_are_left_out(damaged):
    assert not any(read_by_class({"by_class": damaged}).values())


@pytest.fixture
def scored(registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that scores a labelled set with class names, with stand-in features."""
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 40, 20])
    pixels = (
        (rng.normal(127, 38, (120, 1, 8, 8)) + 38 * (labels - 1)[:, None, None, None]).clip(0, 255).astype(np.uint8)
    )
    real = Set(pixels, labels, class_names=("dark", "grey", "light"))

    def made(names: list[str], real: Set = real, generator: Any = None, **options: Any) -> Score:
        settings = MetricsConfig(names=names, fakes=120, seed=3)
        return score(find_scoring(settings, registry), generator or Blur(), real, root=tmp_path, **options)

    made.real = real
    return made


def test_a_score_has_the_values_of_each_class_by_its_name(scored):
    found = scored(["intra-fid", "classifier-accuracy"])
    assert found.values.keys() == {"intra_fid", "classifier_accuracy", "classifier_accuracy_real"}
    assert found.by_class.keys() == {"intra_fid"} and list(found.by_class["intra_fid"]) == ["dark", "grey", "light"]
    assert found.values["intra_fid"] == pytest.approx(np.mean(list(found.by_class["intra_fid"].values())))
    assert found.protocol["ranked_by"] == {"value": "intra_fid", "lower_is_better": True}
    assert read_by_class(json.loads(json.dumps(found.to_dict()))) == found.by_class
    # The generator draws each class brighter than the one before, as in the data set.
    assert found.values["classifier_accuracy"] > 0.8


def test_any_metric_can_be_computed_within_each_class(scored):
    found = scored(["fid", "kid", "intra-fid"], per_class=True)
    assert found.by_class.keys() == {"fid", "kid_mean", "kid_std", "intra_fid"}
    assert found.by_class["fid"] == pytest.approx(found.by_class["intra_fid"], rel=1e-5)
    alone = scored(["fid"])
    assert alone.by_class == {} and "by_class" not in alone.to_dict()
    assert alone.values["fid"] == pytest.approx(found.values["fid"], rel=1e-6)


def test_what_has_no_classes_cannot_be_scored_by_class(scored, registry, tmp_path):
    bare = replace(scored.real, labels=None)
    with pytest.raises(GanzooError, match=r"^fid: --per-class reads labels and toy has none"):
        scored(["fid"], bare, per_class=True)
    unconditional = Blur()
    unconditional.conditional = False
    with pytest.raises(GanzooError, match=r"^fid: --per-class reads labels and the generator is not class-conditional"):
        scored(["fid"], generator=unconditional, per_class=True)
    with pytest.raises(GanzooError, match=r"^intra-fid: it reads labels"):
        settings = MetricsConfig(names=["intra-fid"])
        score_images(find_scoring(settings, registry), bare.array, scored.real, root=tmp_path)


def test_the_table_of_classes():
    table = _table({"fid": {"shirt\x1b": 12.5, "bag": 3.25}, "x": {"bag": 1.0}}, {"fid": 9.0})
    assert [line.split() for line in table.splitlines()] == [
        ["class", "fid", "x"], ["shirt\\x1b", "12.5"], ["bag", "3.25", "1"], ["all", "9"]
    ]  # fmt: skip
    assert len({len(line.rstrip()) for line in table.splitlines()[::2]}) == 1
