"""A run whose losses and penalties keep moving averages resumes from a checkpoint to the same weights and log."""

from __future__ import annotations

import pytest

from ganzoo.testing.devices import COMPARABLE, Job, compare, rewind, train

SETTINGS = [*COMPARABLE, "loop.batch=12", "loop.kimg=0.072", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.024"]


@pytest.mark.seconds
def test_a_resumed_run_has_the_weights_of_a_whole_one(tmp_path):
    settings = [*SETTINGS, "penalties.path_length.interval=1"]
    whole, resumed = (
        Job("mlp+top-k+lecam+path-length", settings, str(tmp_path / name)) for name in ("whole", "resumed")
    )
    train([whole, resumed])
    rewind(tmp_path / "resumed", 2)
    train([resumed])
    found = compare(tmp_path / "whole", tmp_path / "resumed")
    assert found.weights == 0 and found.logged == 0 and found.moved > 1e-3
