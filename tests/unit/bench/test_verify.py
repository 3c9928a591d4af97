"""A record is scored again under its own protocol, with the given files of extractors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file
from support.scoring import Blur, Set

from ganzoo.bench import recorded
from ganzoo.bench import verify as verification
from ganzoo.bench.record import Weights
from ganzoo.bench.tolerance import OTHER_MODE, SAME_DEVICE, holds
from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.metrics.score import Score
from ganzoo.models.build import build_generator

PROTOCOL = {"fingerprint": "f" * 64, "fake_pictures": 77, "seed": 5, "extractor": "reference", "truncation": 0.7,
            "network": "ab", "extractor_device": "cpu"}  # fmt: skip


def stand_in(registry, monkeypatch, score, protocol, scores=None):
    """Let verification read a record with this protocol, and score with ``score``; return its configuration."""
    config = resolve(registry, "mlp+minimax", None, ["metrics.names=[fid]"])
    record = SimpleNamespace(
        status="done", weights=object(), recipe="mlp+minimax", config=config.as_dict(), protocol=protocol,
        scores={"fid": 2.0} if scores is None else scores, marks=(),
    )  # fmt: skip
    real = Set(np.zeros((4, 1, 8, 8), np.uint8), None)
    for name, instead in (
        ("read_record", lambda file: record),
        ("weights_of", lambda record, file: Path("weights")),
        ("open_reference", lambda *_, **__: real),
        ("load_recorded", lambda *_: Blur()),
        ("score", score),
    ):
        monkeypatch.setattr(verification, name, instead)
    return config


@pytest.mark.parametrize(
    ("files", "weights"),
    [
        ({}, {}),
        ({"mode": "fast"}, {}),
        ({"weights": "a: b.pth"}, {"inception": "a: b.pth"}),
        ({"weights": "{inception: a.pth}"}, {"inception": "a.pth"}),
        ({"inception": "a.pth"}, {"inception": "a.pth"}),
    ],
)
def test_a_record_is_scored_again_by_its_protocol(registry, monkeypatch, tmp_path, files, weights):
    given: list[Any] = []

    def score(scoring, generator, real, **options):
        given.extend((scoring, options))
        return Score({"fid": 2.00001}, {**PROTOCOL}, 0.0)

    config = stand_in(registry, monkeypatch, score, PROTOCOL)
    assert verification.verify(tmp_path / "row.json", registry, device="cpu", root=tmp_path, **files).holds
    scoring, options = given
    assert scoring.weights == weights and not scoring.problem
    assert [entry.name for entry in scoring.metrics] == ["fid"]
    assert (scoring.settings.fakes, scoring.settings.seed) == (77, 5)
    assert scoring.settings.mode == files.get("mode", "reference")
    assert options["truncation"] == 0.7 and options["shipped"] == config.dataset.statistics


def test_a_protocol_that_is_not_that_of_the_score_is_refused(registry, monkeypatch, tmp_path):
    found = {**PROTOCOL, "split": "train", "extractor": "fast", "network_source": "another place"}
    noted = {**PROTOCOL, "split": "test", "of_an_older_version": 1}
    stand_in(registry, monkeypatch, lambda *_, **__: Score({"fid": 2.0}, found, 0.0), noted)
    with pytest.raises(GanzooError, match=r"gives another protocol: extractor .*; split was 'test', is now 'train'$"):
        verification.verify(tmp_path / "row.json", registry, device="cpu", root=tmp_path)
    with pytest.raises(GanzooError, match=r"gives another protocol: split was 'test', is now 'train'$"):
        verification.verify(tmp_path / "row.json", registry, device="cpu", root=tmp_path, mode="fast")


def test_a_record_without_scores_does_not_hold(registry, monkeypatch, tmp_path):
    stand_in(registry, monkeypatch, None, {}, scores={})
    verdict = verification.verify(tmp_path / "row.json", registry)
    assert verdict.holds is None and "no score to compare" in verdict.text


def test_what_cannot_be_scored_again_is_one_line_with_the_file(registry, monkeypatch, tmp_path):
    stand_in(registry, monkeypatch, None, {**PROTOCOL, "fake_pictures": 0})
    with pytest.raises(GanzooError, match=r"row\.json: its protocol cannot be repeated: fakes is 0"):
        verification.verify(tmp_path / "row.json", registry, device="cpu", root=tmp_path)


def test_weights_that_cannot_be_read_are_named(monkeypatch, tmp_path):
    (tmp_path / "weights").touch()

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(recorded, "sha256_of", refuse)
    record = SimpleNamespace(weights=Weights("00", 1, "weights"))
    with pytest.raises(GanzooError, match=r"cannot read .*weights: Permission denied"):
        recorded.weights_of(record, tmp_path / "row.json")


def test_the_networks_are_those_of_the_scored_images(registry, monkeypatch, tmp_path):
    """A look at the first images of a data set may find other channels than training did."""
    config = resolve(registry, "mlp+minimax", None, ["generator.width=8"])
    save_file(build_generator(config, ImageSpec(3, 8)).state_dict(), tmp_path / "weights")
    monkeypatch.setattr(recorded, "peek_configured", lambda *_: ImageSpec(1, 8))
    record = SimpleNamespace(recipe="mlp+minimax", protocol={"picture": "3 x 8 x 8"})
    assert recorded.load_recorded(record, config, tmp_path / "weights", tmp_path).image == ImageSpec(3, 8)


@pytest.mark.parametrize(
    ("field", "value"),
    [("fake_pictures", "10000"), ("fake_pictures", True), ("seed", "x"), ("truncation", None), ("extractor", ["a"])],
)
def test_a_protocol_of_other_types_is_refused(field, value):
    with pytest.raises(GanzooError, match=f"its protocol's {field} is .*, which cannot be repeated"):
        verification.check_protocol({**PROTOCOL, field: value})
    verification.check_protocol(PROTOCOL)


@pytest.mark.parametrize(
    ("recorded", "loose", "close"),
    [
        (78.0, 0.77, 0.0077),  # FID
        (0.57, 0.0099, 0.000099),  # precision
        (0.004, 0.00099, 0.000099),  # KID: a loose comparison must not accept any value
    ],
)
def test_values_of_all_sizes_are_compared(recorded, loose, close):
    for tolerance, most in ((OTHER_MODE, loose), (SAME_DEVICE, close)):
        assert holds(recorded + most, recorded, tolerance)
        assert not holds(recorded + 1.1 * most, recorded, tolerance)
