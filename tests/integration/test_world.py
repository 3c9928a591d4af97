"""A world of one process on gloo with a stand-in for CUDA graphs: the NCCL tests of test_gpu.py, on a CPU."""

from __future__ import annotations

import pytest
from support import world

from ganzoo.distributed import collectives
from ganzoo.testing.devices import compare
from ganzoo.training.loop import Loop


@pytest.fixture
def in_this_process(monkeypatch):
    """A function that trains jobs in this process as a world of one; starting a process takes longer than training."""

    def train(jobs, directory):
        with monkeypatch.context() as patched:
            for name, value in {"RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "localhost", "MASTER_PORT": 0}.items():
                patched.setenv(name, str(value))
            patched.setattr(Loop, "train", world.train_as_named)
            with collectives.joined() as place:
                assert place.together
                world.train_exactly(jobs)

    return train


@pytest.mark.long
def test_a_world_of_one_captures_its_all_reduces_and_trains_what_one_process_trains(tmp_path, in_this_process):
    world.train_all(tmp_path, "cpu", in_this_process)
    for recipe in world.RECIPES:
        world.check_captured(tmp_path, recipe)
        with pytest.raises(AssertionError, match="apart, eager runs"):
            world.check_captured(tmp_path, recipe, world.FAULTY)
        found = compare(tmp_path / world.ALONE / recipe, tmp_path / world.TOGETHER / recipe)
        assert found.weights < world.TOLERANCE and found.logged < world.TOLERANCE
        assert found.moved > 100 * world.TOLERANCE
