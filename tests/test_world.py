"""A world of one on gloo, with a stand-in for CUDA graphs: the tests of NCCL in test_gpu.py, as far as a CPU can go."""

from __future__ import annotations

from pathlib import Path

import pytest
import world

from ganzoo.testing.devices import compare


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    world.train_all(folder, "cpu")
    return folder


@pytest.mark.parametrize("recipe", world.RECIPES)
def test_a_captured_step_holds_its_all_reduces(worlds, recipe):
    world.check_captured(worlds, recipe)
    with pytest.raises(AssertionError, match="apart, eager runs"):
        world.check_captured(worlds, recipe, world.FAULTY)


@pytest.mark.parametrize("recipe", world.RECIPES)
def test_a_world_of_one_trains_what_one_process_trains(worlds, recipe):
    found = compare(worlds / world.ALONE / recipe, worlds / world.TOGETHER / recipe)
    assert found.weights < world.TOLERANCE and found.logged < world.TOLERANCE and found.moved > 100 * world.TOLERANCE
