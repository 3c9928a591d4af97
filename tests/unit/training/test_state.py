"""Checkpoints restored on another kind of device, although CPUs and GPUs draw random numbers by different methods."""

from __future__ import annotations

import pytest
import torch
from rich.console import Console
from support.loops import values
from support.runs import resume, start

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.distributed.random import restore_stream
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.training.loop import Loop

OF_CUDA = torch.arange(16, dtype=torch.uint8)  # 16 bytes: a seed and an offset
OF_CPU = torch.Generator().get_state()


class CudaRandom:
    """A stand-in for a CUDA generator: it accepts a state of 16 bytes and refuses any other."""

    device = torch.device("cuda")
    taken: object = None

    def set_state(self, taken):
        if taken.dtype != torch.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if taken.numel() != 16:
            raise RuntimeError("RNG state is wrong size")
        self.taken = taken

    def manual_seed(self, seed):
        self.taken = seed


@pytest.fixture
def from_cuda(monkeypatch):
    """Checkpoints load as if a GPU had written them."""
    load = Checkpoint.load_state
    monkeypatch.setattr(Checkpoint, "load_state", lambda self: {**load(self), "rng": OF_CUDA})


def test_a_checkpoint_of_a_gpu_goes_on_on_a_cpu(make_loop, from_cuda):
    first = make_loop("dcgan+wgan-gp", "first")
    values(first, 3)
    checkpoint, drawn = first.state.save(first.directory), []
    for name in ("second", "third"):
        loop = make_loop("dcgan+wgan-gp", name)
        loop.restore(checkpoint)
        assert loop.counters == first.counters
        drawn.append(values(loop, 3))
    assert all(torch.equal(drawn[1][name], value) for name, value in drawn[0].items())


def test_a_run_of_a_gpu_is_resumed_on_a_cpu(registry, tiny, tmp_path, from_cuda, monkeypatch):
    quiet, whole = Display(Console(quiet=True)), Loop.iteration

    def stopping(self):
        whole(self)
        self.stop_requested = self.counters.shown > 200

    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "iteration", stopping)
        assert not start(registry, config, quiet, out=tmp_path / "run").finished
    assert resume(registry, tmp_path / "run", quiet).finished


def test_a_checkpoint_of_a_cpu_goes_on_on_a_gpu():
    taken = []
    for seed, shown in ((0, 16), (0, 16), (0, 32), (1, 16)):
        rng = CudaRandom()
        restore_stream(rng, OF_CPU, seed, shown)
        taken.append(rng.taken)
    assert taken[0] == taken[1] and len(set(taken)) == 3


def test_on_the_same_kind_of_device_a_stream_goes_on_where_it_was():
    rng, cuda = torch.Generator().manual_seed(1), CudaRandom()
    saved, expected = rng.get_state(), torch.rand(3, generator=rng)
    restore_stream(rng, saved, 0, 0)
    assert torch.equal(torch.rand(3, generator=rng), expected)
    restore_stream(cuda, OF_CUDA, 0, 0)
    assert cuda.taken is OF_CUDA


@pytest.mark.parametrize("noise", [torch.zeros(3), torch.zeros(16), torch.zeros(5, dtype=torch.uint8)])
def test_what_is_no_random_state_is_refused(noise):
    for rng in (torch.Generator(), CudaRandom()):
        with pytest.raises((RuntimeError, TypeError)):
            restore_stream(rng, noise, 0, 0)
