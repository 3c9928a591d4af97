"""After a failed capture the process can still draw, allocate and capture. A stand-in replaces ``torch.cuda``.

test_gpu.py tests the same on a GPU.
"""

from __future__ import annotations

import pytest
import torch
from support.cuda_stand_in import MAIN, Cuda, Random

from ganzoo.training.cuda_graph import WARM_UP, CudaCapture, Steps


@pytest.fixture
def cuda(monkeypatch):
    return Cuda(monkeypatch)


def steps_of(rng: Random) -> Steps:
    return Steps(CudaCapture(torch.device("cuda", 0), rng))


def reads(cuda: Cuda, rng: Random) -> None:
    rng.draw()
    cuda.read()


def raises(cuda: Cuda, rng: Random) -> None:
    rng.draw()
    if cuda.capturing:
        raise ValueError("nothing that CUDA has seen")


@pytest.mark.parametrize(("work", "reason"), [(reads, "not permitted"), (raises, "nothing that CUDA has seen")])
def test_a_failed_capture_leaves_the_process_usable(cuda, work, reason, logged):
    rng = Random(cuda)
    failing, fine = steps_of(rng), steps_of(rng)
    for _ in range(WARM_UP + 1):
        failing.run("fine", rng.draw)
    assert failing._replays
    for _ in range(WARM_UP + 3):
        failing.run("failing", lambda: work(cuda, rng))
    assert len(logged) == 1 and reason in logged[0] and failing.capture is None
    assert cuda.stream == MAIN and rng.state.drawn == 2 * WARM_UP + 4
    cuda.empty_cache()
    cuda.default.draw()
    for _ in range(WARM_UP + 3):
        fine.run("fine", rng.draw)
    assert len(logged) == 1 and fine._replays and rng.state.drawn == 3 * WARM_UP + 7
    fine.forget()
    assert set(cuda.uses.values()) == {0}


def test_a_generator_of_a_subclass_is_captured(cuda, logged):
    """As that of several processes is; torch 2.11 refuses to register one."""

    class Shared(Random):
        pass

    rng = Shared(cuda)
    steps = steps_of(rng)
    for _ in range(WARM_UP + 3):
        steps.run("fine", rng.draw)
    assert steps._replays and not logged and rng.state.drawn == WARM_UP + 3


def test_after_a_rollback_steps_are_captured_into_another_pool(cuda, logged):
    rng = Random(cuda)
    steps = steps_of(rng)
    for rollbacks in range(1, 4):
        for kind in ("one", "other") * (WARM_UP + 2):
            steps.run(kind, rng.draw)
        assert not logged and len(steps._replays) == 2
        assert sorted(cuda.uses.values()) == [0] * (rollbacks - 1) + [2]
        steps.forget()
    assert rng.state.drawn == 3 * 2 * (WARM_UP + 2)
