"""Measured speeds on a simulated device with its own clock, which works asynchronously as a GPU does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.overrides import TorchFunctionMode

from ganzoo.training.loop import Loop
from ganzoo.utils.files import read_jsonl

sys.path.append(str(Path(__file__).parents[3] / "benchmarks/speed"))
import pairs

READS = (torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.__float__)
WORK = 2e-3  # seconds of the device for a step


class Device(TorchFunctionMode):
    """A step takes the host ``asking`` seconds and the device 2 ms; reading a tensor waits for all earlier steps."""

    def __init__(self, asking: float) -> None:
        super().__init__()
        self.asking = asking
        self.now = self.busy_until = 0.0

    def ask(self) -> None:
        self.now += self.asking
        self.busy_until = max(self.busy_until, self.now) + WORK

    def wait(self, *device: object) -> None:
        self.now = max(self.now, self.busy_until)

    def clock(self) -> float:
        return self.now

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in READS:
            self.wait()
        return function(*args, **(kwargs or {}))


def test_the_log_counts_the_time_that_the_device_takes(make_loop, monkeypatch):
    device, iteration = Device(asking=1e-5), Loop.iteration

    def asked(self):
        iteration(self)
        device.ask()

    monkeypatch.setattr(Loop, "iteration", asked)
    monkeypatch.setattr("ganzoo.training.loop.time", SimpleNamespace(perf_counter=device.clock))
    loop = make_loop("mlp+minimax", "run")
    with device:
        loop.train()
    log = read_jsonl(loop.directory.log_file)
    expected = loop.settings.batch / WORK
    assert [record["pictures_per_second"] for record in log] == pytest.approx([expected] * len(log), rel=0.01)
    assert loop.counters.seconds == pytest.approx(loop.counters.steps_d * WORK, rel=0.01)


def test_a_measured_speed_lets_the_host_go_ahead(monkeypatch):
    """If the host waited for the device after each step, a step would take 3 ms instead of 2 ms."""
    device = Device(asking=1e-3)
    monkeypatch.setattr(torch.cuda, "synchronize", device.wait)
    monkeypatch.setattr(pairs, "time", SimpleNamespace(perf_counter=device.clock))
    found = pairs.speed(device.ask, 64, 3.0, torch.device("cuda"))
    assert found == pytest.approx(64 / WORK, rel=0.02)
    assert 3 <= device.now < 3.1
