"""Tests that need a GPU; run them with `python -m pytest -m gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console
from support import world
from support.loops import check_replayed, deterministic, values, with_learning_rates
from support.runs import resume, start

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.runs.load import load_generator
from ganzoo.runs.run_dir import RunDir, read_jsonl
from ganzoo.testing.devices import compare

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("recipe", ["mlp+minimax", "dcgan+wgan-gp", "stylegan-lite+non-saturating+r1"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_on_the_gpu_learns_and_resumes(registry, tiny, tmp_path, recipe, precision):
    settings = [*tiny(recipe.split("+")[0], device="cuda", precision=precision, kimg=1)]
    quiet = Display(Console(quiet=True))
    directory = start(registry, resolve(registry, recipe, None, settings), quiet, out=tmp_path / "run").directory
    log = read_jsonl(directory.log_file)
    assert all(torch.isfinite(torch.tensor(record["loss_generator"])) for record in log)
    assert resume(registry, directory.path, quiet).finished


def test_the_same_latents_give_the_same_images_as_on_the_cpu(registry, tiny, tmp_path):
    from ganzoo.models.sampling import sample

    settings = tiny("dcgan", device="cuda", precision="float32")
    quiet = Display(Console(quiet=True))
    start(registry, resolve(registry, "dcgan+minimax", None, settings), quiet, out=tmp_path / "run")
    assert RunDir(tmp_path / "run").latest() is not None
    images = [
        torch.cat(list(sample(load_generator(registry, tmp_path / "run", "latest", torch.device(device)), 8, seed=1)))
        for device in ("cpu", "cuda")
    ]
    assert (images[0].int() - images[1].int()).abs().max() <= 1  # one of 256 levels, from rounding


def test_a_run_moves_from_the_gpu_to_the_cpu_and_back(make_loop):
    loop, shown = None, 0
    for number, device in enumerate(("cuda", "cpu", "cuda")):
        checkpoint = loop.state.save(loop.directory) if loop else None
        loop = make_loop("dcgan+wgan-gp", f"run{number}", device=device)
        if checkpoint is not None:
            loop.restore(checkpoint)
        assert loop.counters.shown == shown
        assert all(value.isfinite().all() for value in values(loop, 6).values())
        shown = loop.counters.shown


def test_a_failed_capture_leaves_the_process_usable(make_loop, logged):
    """The run continues eagerly. After it, random numbers can be drawn and another run is captured and replayed."""
    stream = torch.cuda.current_stream()
    failing = make_loop("mlp+minimax", "failing", device="cuda")
    discriminator = failing.model.loss.discriminator

    def reads(**logits):
        value = discriminator(**logits)
        return value if value.item() < 1e9 else 2 * value

    failing.model.loss.discriminator = reads
    with deterministic():
        found = values(failing, 8)
        assert len(logged) == 1 and "steps run eagerly" in logged[0]
        assert torch.cuda.current_stream() == stream and not torch.cuda.is_current_stream_capturing()
        torch.randn(3, device="cuda")
        torch.cuda.empty_cache()
        expected = values(with_learning_rates(make_loop("mlp+minimax", "eager", ["loop.capture=false"], "cuda")), 8)
        after = make_loop("mlp+minimax", "after", device="cuda")
        captured = values(after, 8)
    assert len(logged) == 1 and after.steps._replays
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert all(torch.equal(captured[name], value) for name, value in expected.items())


def test_after_a_rollback_steps_are_captured_anew(make_loop, logged):
    def train(name, *settings):
        loop = make_loop("dcgan+wgan-gp", name, settings, "cuda")
        values(with_learning_rates(loop), 6)
        checkpoint = loop.state.save(loop.directory)
        values(loop, 3)
        loop.restore(checkpoint, rollbacks=1)
        loop.steps.forget()
        return loop, values(loop, 8)

    with deterministic():
        captured, found = train("captured")
        eager = [train(f"eager{number}", "loop.capture=false")[1] for number in range(3)]
    assert not logged and captured.steps._replays
    check_replayed(found, eager)


ONE_WORKER = pytest.mark.xdist_group("worlds")  # with --dist loadgroup the runs are trained once


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Path:
    """Runs of each recipe in a world of one process on NCCL, captured and eager, and in a process without NCCL."""
    directory = tmp_path_factory.mktemp("worlds")
    world.train_all(directory, "cuda")
    return directory


@ONE_WORKER
@pytest.mark.parametrize("recipe", world.RECIPES)
def test_a_captured_step_holds_its_all_reduces(worlds, recipe):
    world.check_captured(worlds, recipe)


@ONE_WORKER
@pytest.mark.parametrize("recipe", world.RECIPES)
def test_a_world_of_one_on_nccl_trains_what_one_process_trains(worlds, recipe):
    """With one GPU, NCCL can be tested only in a world of one process."""
    found = compare(worlds / "alone" / recipe, worlds / "together" / recipe)
    assert found.weights < world.TOLERANCE and found.logged < world.TOLERANCE and found.moved > 100 * world.TOLERANCE
