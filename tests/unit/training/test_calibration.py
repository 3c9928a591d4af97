"""Tests of `loop.calibrate`: a run measures its fastest settings on a CPU, with a clock that the test controls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.runs import start

from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.run import Run
from ganzoo.runs.run_dir import RunDir
from ganzoo.training import calibration
from ganzoo.training.calibration import CALIBRATED, CHOSEN, GAINS, with_choice
from ganzoo.training.loop import Loop

ON = "loop.calibrate=true"
Step = Callable[[Loop], float]


def one_thread_is_faster(loop: Loop) -> float:
    """Return the seconds of a step: one thread gains 1.3x, the contiguous layout another 1.2x, bf16 loses."""
    layout = 1.0 if loop.settings.layout == "contiguous" else 1.2
    precision = 2.0 if loop.settings.precision == "bf16" else 1.0
    return 0.01 * layout * precision * (1.3 if torch.get_num_threads() > 1 else 1.0)


def nothing_gains(loop: Loop) -> float:
    """Return the seconds of a step: the alternatives to the default are slower, or gain too little."""
    layout = 0.97 if loop.settings.layout == "contiguous" else 1.0
    return 0.01 * layout * (2.0 if torch.get_num_threads() == 1 else 1.0)


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads, a number that the user has not set."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("ganzoo.utils.openmp._chosen", None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def machine(monkeypatch, two_threads):
    """A function that sets the seconds of a step and returns a clock. ``steps`` is the number of trial steps;
    ``counts`` lists the number of threads in each step of a run."""
    clock, whole = SimpleNamespace(now=0.0, steps=0, counts=[]), Loop.iteration
    monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(calibration, "has_bf16", lambda device: True)

    def taking(step: Step) -> SimpleNamespace:
        def iteration(self: Loop) -> None:
            clock.now += step(self)
            if self.directory.path == Path():
                clock.steps += 1
            else:
                clock.counts.append(torch.get_num_threads())
                whole(self)

        monkeypatch.setattr(Loop, "iteration", iteration)
        return clock

    return taking


@pytest.fixture
def train(registry, tiny, tmp_path):
    """A function that trains a small run with a cache in the test's directory."""

    def trained(name: str, *settings: str) -> RunDir:
        chosen = [*tiny("mlp", kimg=0.064), "data.size=8", f"data.root={tmp_path / 'cache'}", *settings]
        config = resolve(registry, "mlp+minimax", None, chosen)
        return start(registry, config, out=tmp_path / name).directory

    return trained


def settings_of(run: RunDir) -> tuple[Any, ...]:
    loop = Run(run.path).config["loop"]
    return loop["threads"], loop["precision"], loop["layout"]


def weights(run: RunDir) -> dict[str, torch.Tensor]:
    found = run.latest()
    assert found is not None
    return {f"{file.stem}.{key}": v for file in found.path.glob("*.safetensors") for key, v in load_file(file).items()}


def same(one: RunDir, other: RunDir) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def test_the_fastest_choice_becomes_part_of_the_configuration(machine, train, logged):
    clock = machine(one_thread_is_faster)
    run = train("run", ON)
    assert settings_of(run) == (1, "float32", "contiguous")
    assert set(clock.counts) == {1} and torch.get_num_threads() == 2  # the process keeps its two threads
    noted = run.provenance()
    assert noted["threads"] == 1
    assert noted[CALIBRATED] == {
        CHOSEN: {"threads": 1, "precision": "float32", "layout": "contiguous"},
        GAINS: {"threads": 1.3, "precision": 2.0, "layout": 1.2},
    }
    said = "loop.threads=1 (1.30x), loop.precision=float32 (2.00x), loop.layout=contiguous (1.20x)"
    assert [line for line in logged if said in line]


def test_the_default_stays_where_another_choice_gains_too_little(machine, train):
    machine(nothing_gains)
    assert settings_of(train("run", ON)) == (2, "bf16", "channels_last")


def test_without_being_asked_a_run_measures_nothing(machine, train):
    clock = machine(one_thread_is_faster)
    run = train("run")
    assert settings_of(run) == (None, "auto", "auto") and clock.steps == 0
    assert CALIBRATED not in run.provenance()


def test_what_is_set_wins(machine, train, monkeypatch):
    clock = machine(one_thread_is_faster)
    pinned = "loop.threads=2", "loop.precision=bf16", "loop.layout=channels_last"
    assert settings_of(train("pinned", ON, *pinned)) == (2, "bf16", "channels_last") and clock.steps == 0
    assert set(clock.counts) == {2}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert settings_of(train("by the environment", ON)) == (2, "float32", "contiguous")


def test_a_second_run_takes_the_choice_of_the_first(machine, train, tmp_path):
    clock = machine(one_thread_is_faster)
    first, steps = train("first", ON), clock.steps
    machine(nothing_gains)
    second = train("second", ON)
    assert settings_of(second) == settings_of(first) and clock.steps == steps > 0
    assert same(first, second)
    assert settings_of(train("another step", ON, "loop.batch=8")) == (2, "bf16", "channels_last")


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'{"chosen": {"threads": 64, "precision": "float32", "layout": "contiguous"}, "gains": {}}',
        b'{"chosen": {"threads": [], "precision": "int8", "layout": 1},'
        b' "gains": {"threads": 1, "precision": 1, "layout": 1}}',
        None,
    ],
)
def test_a_damaged_choice_is_measured_again(machine, train, tmp_path, content):
    machine(one_thread_is_faster)
    first = train("first", ON)
    (file,) = (tmp_path / "cache" / CALIBRATED).glob("*.json")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"contiguous", b"channels_last") if content is None else content)
    assert settings_of(train("second", ON)) == settings_of(first)
    assert file.read_bytes() == whole


def test_a_run_resumes_with_its_choice(machine, train, tmp_path):
    clock = machine(one_thread_is_faster)
    constant = "loop.schedule=constant"
    run, whole = train("run", ON, constant), train("whole", ON, constant, "loop.kimg=0.128")
    for file in (tmp_path / "cache" / CALIBRATED).glob("*.json"):
        file.unlink()
    machine(nothing_gains)
    steps, noted = clock.steps, run.provenance()[CALIBRATED]
    clock.counts.clear()
    Run(run.path).resume(settings={"loop.kimg": 0.128})
    assert settings_of(run) == (1, "float32", "contiguous") and clock.steps == steps
    assert set(clock.counts) == {1} and run.provenance()[CALIBRATED] == noted
    assert same(run, whole)


def test_on_resume_the_threads_may_change_and_the_layout_may_not(machine, train):
    clock = machine(one_thread_is_faster)
    run = train("run", ON)
    clock.counts.clear()
    Run(run.path).resume(settings={"loop.kimg": 0.128, "loop.threads": 2})
    assert settings_of(run)[0] == 2 and set(clock.counts) == {2}
    with pytest.raises(GanzooError, match=r"^loop.layout cannot change in a run that has begun"):
        Run(run.path).resume(settings={"loop.layout": "channels_last"})


def test_a_choice_that_makes_no_sense_is_left_out(registry, tiny):
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), ON])
    for noted in (None, 3, {}, {CHOSEN: 3}, {CHOSEN: {"threads": "two"}}, {CHOSEN: {"precision": "int8"}}):
        assert with_choice(config, noted) == config
    assert with_choice(config, {CHOSEN: {"threads": 3}}).values.loop.threads == 3


def test_measuring_takes_few_steps_where_they_are_long(machine, train):
    clock = machine(lambda loop: 60.0)
    train("run", ON)
    assert clock.steps == 3 * 2 * 3  # three settings, two options, three steps: warm-up, estimate, one pair


def test_measuring_leaves_the_run_as_it_is(train, two_threads, monkeypatch):
    """Calibration with real steps and the real clock does not change random state, weights or data order."""
    measured = train("measured", ON)
    threads, precision, layout = settings_of(measured)
    pinned = train("pinned", f"loop.threads={threads}", f"loop.precision={precision}", f"loop.layout={layout}")
    assert same(measured, pinned)


def test_the_number_of_threads_is_that_of_the_environment(train, tmp_path, registry, two_threads):
    """``loop.threads=1`` gives the same weights, bit for bit, as a process with one thread."""
    one = train("one", "loop.threads=1")
    torch.set_num_threads(1)
    assert same(one, train("all are one"))
    assert one.provenance()["threads"] == 1
    assert os.environ.get("OMP_NUM_THREADS") is None
    assert json.loads(one.provenance_file.read_text())["threads"] == 1
