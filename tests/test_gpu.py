"""What only a GPU can show; `python -m pytest -m gpu`."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from rich.console import Console

from ganzoo import run
from ganzoo.display import Display
from ganzoo.folder import RunFolder, read_jsonl
from ganzoo.resolve import resolve
from ganzoo.testing.devices import compare

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("recipe", ["mlp+minimax", "dcgan+wgan-gp", "stylegan-lite+non-saturating+r1"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_on_the_gpu_learns_and_resumes(registry, tiny, tmp_path, recipe, precision):
    settings = [*tiny(recipe.split("+")[0], device="cuda", precision=precision, kimg=1)]
    quiet = Display(Console(quiet=True))
    folder = run.start(registry, resolve(registry, recipe, None, settings), quiet, out=tmp_path / "run").folder
    log = read_jsonl(folder.log_file)
    assert all(torch.isfinite(torch.tensor(record["loss_generator"])) for record in log)
    assert run.resume(registry, folder.path, quiet).finished


def test_the_same_latents_give_the_same_pictures_as_on_the_cpu(registry, tiny, tmp_path):
    from ganzoo.sampling import sample

    settings = tiny("dcgan", device="cuda", precision="float32")
    quiet = Display(Console(quiet=True))
    run.start(registry, resolve(registry, "dcgan+minimax", None, settings), quiet, out=tmp_path / "run")
    assert RunFolder(tmp_path / "run").latest() is not None
    pictures = [
        torch.cat(
            list(sample(run.load_generator(registry, tmp_path / "run", "latest", torch.device(device)), 8, seed=1))
        )
        for device in ("cpu", "cuda")
    ]
    assert (pictures[0].int() - pictures[1].int()).abs().max() <= 1  # a level of 256, from rounding


@pytest.mark.parametrize("recipe", ["dcgan+wgan-gp", "stylegan-lite+non-saturating+r1+ada"])
def test_a_world_of_one_on_nccl_trains_captured_what_one_process_trains(tiny, tmp_path, recipe):
    """The captured step with its all-reduces inside; on one GPU a world of one is all that can be shown."""
    settings = tiny(recipe.split("+")[0], device="cuda", precision="float32", kimg=0.5)
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=1", "-m"]
    for name, launcher in {"one": [], "nccl": torchrun}.items():
        command = [sys.executable, "-m", *launcher, "ganzoo", "run", recipe, *settings, "--out", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "steps run eagerly" not in done.stdout + done.stderr
    assert compare(tmp_path / "one", tmp_path / "nccl").logged < 1e-2
