"""A world of one on gloo, with a stand-in for CUDA graphs: the tests of NCCL in test_gpu.py, as far as a CPU can go."""

from __future__ import annotations

import pytest
from support import world

from ganzoo.testing.devices import compare


def test_a_world_of_one_captures_its_all_reduces_and_trains_what_one_process_trains(tmp_path):
    """One test, since starting the world takes most of its time."""
    world.train_all(tmp_path, "cpu")
    for recipe in world.RECIPES:
        world.check_captured(tmp_path, recipe)
        with pytest.raises(AssertionError, match="apart, eager runs"):
            world.check_captured(tmp_path, recipe, world.FAULTY)
        found = compare(tmp_path / world.ALONE / recipe, tmp_path / world.TOGETHER / recipe)
        assert found.weights < world.TOLERANCE and found.logged < world.TOLERANCE
        assert found.moved > 100 * world.TOLERANCE
