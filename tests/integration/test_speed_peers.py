"""Tests of ``benchmarks/speed/peer_*.py`` with stand-ins for the other projects, without timings."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.speed_clones import Trainer, write_clones

SPEED = Path(__file__).parents[2] / "benchmarks/speed"


@pytest.fixture
def clones(tmp_path):
    return write_clones(tmp_path)


class Tiny(torch.nn.Module):
    """A network with ganzoo's interface that records the shapes of its inputs."""

    def __init__(self, ins, outs):
        super().__init__()
        self.layer, self.outs, self.seen, self.latent_dim = torch.nn.Linear(ins, 3 * 64), outs, [], 5

    def forward(self, given, labels=None, *, rng=None):
        self.seen.append(tuple(given.shape))
        return self.layer(given.flatten(1)).view(-1, 3, 8, 8) if self.outs else self.layer(given.flatten(1)).mean(1)


@pytest.fixture
def tiny_work(monkeypatch):
    """Work of networks of one layer on 200 colour images of 8 x 8 in batches of four, and its model."""
    training = importlib.import_module("training")
    model = argparse.Namespace(generator=Tiny(5, 3), discriminator=Tiny(192, 0))
    values = argparse.Namespace(
        loop=argparse.Namespace(device="cpu", batch=4),
        optimizer=argparse.Namespace(generator=argparse.Namespace(lr=0.01, betas=[0.5, 0.9])),
    )
    images = argparse.Namespace(array=np.zeros((200, 3, 8, 8), np.uint8))
    monkeypatch.setattr(
        training.Work, "prepare", lambda work: (argparse.Namespace(values=values), images, model), raising=True
    )
    return training.Work("dcgan+non-saturating", "fashion-10k", ()), model


@pytest.mark.parametrize(
    ("peer", "arguments", "latents"),
    [("collections", (False,), 8), ("collections", (True,), 4), ("mimicry", (), 4), ("lightning", (), 4)],
)
def test_a_borrowed_loop_trains_our_networks_on_our_images(
    script, clones, tiny_work, monkeypatch, peer, arguments, latents
):
    loops, material = script("peer_loops"), script("peer_material")
    monkeypatch.setattr(material, "WORKERS", 0)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "lightning", argparse.Namespace())
    monkeypatch.setitem(sys.modules, "lightning.pytorch", argparse.Namespace(Trainer=Trainer, Callback=object))
    monkeypatch.delitem(sys.modules, "torch_mimicry", raising=False)
    work, model = tiny_work
    before = model.generator.layer.weight.clone()
    measure = getattr(loops, f"{peer}_side")(work, clones[peer], *arguments)
    assert measure(0.001) > 0 and measure(0.001) > 0
    assert set(model.generator.seen) == {(latents, 5)}
    assert set(model.discriminator.seen) == {(4, 3, 8, 8), (latents, 3, 8, 8)}
    assert not torch.equal(before, model.generator.layer.weight)
    for name in [name for name in sys.modules if name.startswith("torch_mimicry")]:
        del sys.modules[name]


def test_the_first_steps_of_a_borrowed_loop_do_not_count(script, monkeypatch):
    material = script("peer_material")
    now = iter(range(1000))
    monkeypatch.setattr(material, "WARM_UP", 3)
    monkeypatch.setattr(material.time, "perf_counter", lambda: 10.0 * next(now))
    clock = material.Clock(25.0, torch.device("cpu"))
    wanted = []
    while not wanted or wanted[-1]:
        wanted.append(clock.tick())
    assert wanted == [True] * 5 + [False]  # three warm-up steps, then three of 10 s
    assert clock.steps == 3 and clock.speed(8) == pytest.approx(8 * 3 / 40)


def test_loops_are_compared_in_one_table_and_a_project_without_a_clone_is_left_out(
    script, clones, monkeypatch, tmp_path, capsys
):
    training, spins = script("peer_training"), {}

    class Side:
        def __init__(self, build, work, *arguments):
            inspect.signature(build).bind(work, *arguments)
            self.speed = 300.0 if build is training.our_side else 100.0
            spins.setdefault(build, set()).add(os.environ.get("GOMP_SPINCOUNT"))

        def ready(self): ...

        def __call__(self, seconds):
            return self.speed

        def close(self): ...

    monkeypatch.setattr(training, "Side", Side)
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    asked = ["peer_training.py", "--device", "cpu", "--repeats", "2", "--mimicry", str(clones["mimicry"])]
    monkeypatch.setattr("sys.argv", asked)
    training.main()
    assert spins == {training.our_side: {"1000"}, training.mimicry_side: {None}}
    assert "GOMP_SPINCOUNT" not in os.environ
    assert "Lightning's GAN example is left out: no --lightning DIR" in capsys.readouterr().err
    (file,) = (tmp_path / "tables").glob("peer-training-*.md")
    (row,) = [line for line in file.read_text().splitlines() if line.startswith("| mimicry")]
    assert row.startswith("| mimicry | unknown | 100 | 300 | 3.00 (3.00 to 3.00) | 300 | 3.00 (3.00 to 3.00) |")
    monkeypatch.setattr("sys.argv", ["peer_training.py", "--mimicry", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"there is no torch_mimicry/training/trainer\.py"):
        training.main()


@pytest.fixture
def small_sides(tmp_path):
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for number in range(2):
            (tmp_path / side / f"{number}.png").touch()
    return [str(tmp_path / side) for side in ("a", "b")]


def test_scores_are_compared_with_the_one_of_ours_that_computes_the_same(
    script, small_sides, monkeypatch, tmp_path, capsys
):
    scoring = script("peer_scoring")
    monkeypatch.setattr(scoring, "find_network", lambda *_: argparse.Namespace(path=tmp_path / "network.pth"))
    seconds = {"ganzoo-fid": 2.0, "torch-fidelity": 5.0, "clean-fid": 3.0}

    def run(command, **_):
        name = command[2]
        if name not in seconds:
            return argparse.Namespace(returncode=1, stderr=f"Traceback\nModuleNotFoundError: {name}\n", stdout="")
        figures = {"value": 10.0 + seconds[name], "seconds": seconds[name], "distance": 1.0, "version": "1.2"}
        return argparse.Namespace(returncode=0, stderr="", stdout=json.dumps(figures) + "\n")

    monkeypatch.setattr(scoring.subprocess, "run", run)
    monkeypatch.setattr("sys.argv", ["peer_scoring.py", *small_sides, "--device", "cpu", "--repeats", "2"])
    scoring.main()
    assert "pytorch-fid is left out: ModuleNotFoundError: pytorch-fid" in capsys.readouterr().err
    (file,) = (tmp_path / "tables").glob("peer-scoring-*.md")
    rows = [line.split(" | ")[:8] for line in file.read_text().splitlines() if "1.2" in line]
    assert rows == [
        ["| `ganzoo fid`", "1.2", "4.0", "", "2.0", "1.0", "12.0000", ""],
        ["| torch-fidelity", "1.2", "1.0", "4.00 (4.00 to 4.00)", "5.0", "1.0", "15.0000", "-3.00000"],
        ["| clean-fid", "1.2", "2.0", "2.00 (2.00 to 2.00)", "3.0", "1.0", "13.0000", ""],
    ]


def test_a_tool_reads_the_local_network_and_its_distance_is_timed(script, small_sides, monkeypatch, tmp_path, capsys):
    scores = script("peer_scores")
    inception = argparse.Namespace(load_state_dict_from_url=None)

    def calculate(paths, batch, device, dims, workers):
        assert paths == small_sides and batch == 7
        return fid_score.calculate_frechet_distance(inception.load_state_dict_from_url("https://elsewhere"))

    fid_score = argparse.Namespace(
        calculate_fid_given_paths=calculate,
        calculate_frechet_distance=lambda state: state["weight"].sum() + state["fc.bias"].sum(),
    )
    stand_in = argparse.Namespace(fid_score=fid_score, inception=inception)
    monkeypatch.setitem(sys.modules, "pytorch_fid", stand_in)
    monkeypatch.setattr(scores, "version", lambda distribution: f"{distribution} 1.2")
    torch.save({"weight": torch.ones(3)}, tmp_path / "network.pth")
    asked = ["pytorch-fid", *small_sides, "--network", str(tmp_path / "network.pth"), "--batch", "7"]
    monkeypatch.setattr("sys.argv", ["peer_scores.py", *asked])
    scores.main()
    found = json.loads(capsys.readouterr().out)
    assert found["value"] == 3.0 and found["version"] == "pytorch-fid 1.2"
    assert 0 < found["distance"] <= found["seconds"]
