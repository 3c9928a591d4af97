"""A record is scored again under its own protocol, with the given files of extractors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.scoring import Blur, Set

from ganzoo.bench import verify as verification
from ganzoo.bench.tolerance import OTHER_MODE, SAME_DEVICE, holds
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.metrics.score import Score

PROTOCOL = {"fingerprint": "f" * 64, "fake_pictures": 77, "seed": 5, "extractor": "reference", "truncation": 0.7,
            "network": "ab", "extractor_device": "cpu"}  # fmt: skip


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
    config = resolve(registry, "mlp+minimax", None, ["metrics.names=[fid]"])
    record = SimpleNamespace(
        status="done", weights=object(), recipe="mlp+minimax", config=config.as_dict(), protocol=PROTOCOL,
        scores={"fid": 2.0}, marks=(),
    )  # fmt: skip
    given: list[Any] = []

    def score(scoring, generator, real, **options):
        given.extend((scoring, options))
        return Score({"fid": 2.00001}, {**PROTOCOL}, 0.0)

    real = Set(np.zeros((4, 1, 8, 8), np.uint8), None)
    for name, stand_in in (
        ("read_record", lambda file: record),
        ("weights_of", lambda record, file: Path("weights")),
        ("open_reference", lambda *_, **__: real),
        ("load_recorded", lambda *_: Blur()),
        ("score", score),
    ):
        monkeypatch.setattr(verification, name, stand_in)
    assert verification.verify(tmp_path / "row.json", registry, device="cpu", root=tmp_path, **files).holds
    scoring, options = given
    assert scoring.weights == weights and not scoring.problem
    assert [entry.name for entry in scoring.metrics] == ["fid"]
    assert (scoring.settings.fakes, scoring.settings.seed) == (77, 5)
    assert scoring.settings.mode == files.get("mode", "reference")
    assert options["truncation"] == 0.7 and options["shipped"] == config.dataset.statistics


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
