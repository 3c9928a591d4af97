"""Runs that are resumed with other settings: more kimg, moved images, an edited configuration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file
from support.runs import start

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import LoopConfig
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.run import Run
from ganzoo.runs.changes import read_changes
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.anomalies import untried
from ganzoo.training.loop import Loop
from ganzoo.utils.files import read_jsonl


@pytest.fixture
def trained(registry, tiny, tmp_path):
    def train(name="run", *settings, kimg=0.128):
        chosen = tiny("mlp", kimg=kimg, log_kimg=0.064, snapshot_kimg=0.064)
        config = resolve(registry, "mlp+minimax", None, [*chosen, *settings])
        return start(registry, config, Display(Console(quiet=True)), out=tmp_path / name).directory

    return train


def state(directory: RunDir) -> dict[str, torch.Tensor]:
    newest = directory.latest().path
    return {f"{file.stem}.{k}": v for file in newest.glob("*.safetensors") for k, v in load_file(file).items()}


def noted(directory: RunDir) -> list[dict[str, object]]:
    return [change["settings"] for change in read_changes(directory.provenance())]


def test_a_run_that_is_trained_longer_equals_one_that_was_begun_longer(trained):
    constant = "loop.schedule=constant"
    whole, run = trained("whole", constant, kimg=0.256), trained("run", constant)
    extended = Run(run.path).resume(settings={"loop.kimg": 0.256})
    assert extended.finished and extended.config["loop"]["kimg"] == 0.256
    expected, found = state(whole), state(run)
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    shown = [record["shown"] for record in read_jsonl(run.log_file)]
    assert shown == [record["shown"] for record in read_jsonl(whole.log_file)] == sorted(set(shown))
    assert noted(run) == [{"loop.kimg": {"from": 0.128, "to": 0.256}}]
    assert read_changes(run.provenance())[0]["kimg"] == 0.128
    assert read_changes(run.latest().meta) == read_changes(run.provenance())
    assert noted(whole) == [] and "changes" not in whole.latest().meta


def test_other_settings_are_refused_by_name_before_anything_is_written(trained):
    run = trained()
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    for settings, names in (
        (["seed=3", "generator.width=64", "loop.kimg=1"], "seed, generator.width"),
        (["recipe=mlp+hinge"], "recipe"),
        (["recipe=mlp+wgan-gp"], "recipe"),
        (["data.size=16"], "data.size"),
        (["loop.fresh_fakes=true"], "loop.fresh_fakes"),
    ):
        with pytest.raises(GanzooError, match=rf"^{names} cannot change in a run that has begun; .*--init-from"):
            Run(run.path).resume(settings=settings)
    with pytest.raises(GanzooError, match=r"loop.kimg is 0.1, but .* has trained for 0.128 kimg"):
        Run(run.path).resume(settings=["loop.kimg=0.1"])
    assert {file: file.read_bytes() for file in before} == before


def test_a_kill_before_the_configuration_is_written_leaves_a_run_that_resumes(trained, monkeypatch):
    run = trained()
    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "begin", lambda self, text: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Run(run.path).resume(settings=["loop.kimg=0.256"])
    assert noted(run) == [{"loop.kimg": {"from": 0.128, "to": 0.256}}]
    assert Run(run.path).resume().config["loop"]["kimg"] == 0.128
    assert noted(run) == []


def test_rates_change_even_if_the_process_dies_before_the_next_checkpoint(trained, monkeypatch):
    run = trained("run", "loop.schedule=cosine")
    settings = ["loop.kimg=0.256", "loop.schedule=constant", "optimizer.generator.lr=0.01",
                "optimizer.generator.betas=[0.1,0.2]", "optimizer.discriminator.weight_decay=0.5"]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "iteration", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Run(run.path).resume(settings=settings)
    Run(run.path).resume()
    last = read_jsonl(run.log_file)[-1]
    assert last["lr_generator"] == 0.01 and last["lr_discriminator"] == 5e-4
    found = run.latest().load_state()
    assert tuple(found["optimizer_g"]["param_groups"][0]["betas"]) == (0.1, 0.2)
    assert found["optimizer_d"]["param_groups"][0]["weight_decay"] == 0.5
    assert len(noted(run)) == 1


def test_a_schedule_ends_at_the_budget_whatever_the_batch_was(trained):
    run = trained("run", "loop.schedule=linear", "loop.hold=0", "optimizer.generator.lr=4e-4")
    Run(run.path).resume(settings=["loop.kimg=0.256", "loop.batch=32"])
    log = {record["shown"]: record["lr_generator"] for record in read_jsonl(run.log_file)}
    assert log[128] == pytest.approx(0) and log[192] == pytest.approx(1e-4) and log[256] == pytest.approx(0)


def edit(run: RunDir, old: str, new: str) -> None:
    text = run.config_file.read_text()
    assert old in text
    run.config_file.write_text(text.replace(old, new, 1))


def test_an_edited_configuration_counts_if_it_is_accepted(trained, logged):
    run = trained()
    edit(run, "kimg: 0.128", "kimg: 0.256")
    assert Run(run.path).resume().config["loop"]["kimg"] == 0.128
    assert any("was edited (loop.kimg from 0.128 to 0.256)" in line and "--accept-edits" in line for line in logged)
    assert not any("damaged" in line for line in logged)
    with pytest.raises(GanzooError, match=r"was edited too \(loop.kimg from 0.128 to 0.256\); add --accept-edits"):
        Run(run.path).resume(settings=["loop.keep=3"])
    accepted = Run(run.path).resume(accept_edits=True)
    assert accepted.log[-1]["kimg"] == 0.256
    (change,) = read_changes(run.provenance())
    assert change["by"] == "an edit of config.yaml"
    logged.clear()
    assert Run(run.path).resume().finished and not any("was edited" in line for line in logged)


def test_an_edit_of_what_may_not_change_is_refused(trained):
    run = trained()
    edit(run, "seed: 0", "seed: 7")
    with pytest.raises(GanzooError, match=r"^seed cannot change"):
        Run(run.path).resume(accept_edits=True)
    with pytest.raises(GanzooError, match=r"^seed cannot change"):
        Run(run.path).evaluate(metrics=[], accept_edits=True)
    run.config_file.write_text(run.config_file.read_text().partition("\n")[2])  # as its first line tells the user
    with pytest.raises(GanzooError, match=r"^seed cannot change"):
        Run(run.path).resume()


def images(directory: Path, seed: int) -> None:
    directory.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(16):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(directory / f"{number}.png")


def test_images_that_moved_are_named(trained, tmp_path, logged):
    images(tmp_path / "cats", 0)
    images(tmp_path / "dogs", 1)
    run = trained("run", f"data.name=folder:{tmp_path / 'cats'}", f"data.root={tmp_path / 'root'}")
    (tmp_path / "cats").rename(tmp_path / "moved")
    moved, others = (f"data.name=folder:{tmp_path / name}" for name in ("moved", "dogs"))
    with pytest.raises(
        GanzooError, match=r"other images or labels than .* was trained on; .*`ganzoo resume .* data.name="
    ):
        Run(run.path).resume(settings=[others])
    for where, named in ((moved, False), (others, True)):
        with pytest.raises(GanzooError, match="names no metric"):  # which is said after the warning
            Run(run.path).evaluate(metrics=[], settings=[where])
        assert any("other images" in line for line in logged) == named
    assert Run(run.path).resume(settings=[moved, "loop.kimg=0.192"]).finished
    assert json.loads(run.provenance_file.read_text())["data"]["name"] == moved.partition("=")[2]
    labels = [[f"{number}.png", number % 2] for number in range(16)]
    (tmp_path / "moved/dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(GanzooError, match="holds other images or labels than"):
        Run(run.path).resume()
    with pytest.raises(GanzooError, match=r"loop.kimg cannot be set for a score; set data.\*"):
        Run(run.path).evaluate(settings=["loop.kimg=3"])


def test_what_is_advised_after_nan_was_not_tried():
    tried = LoopConfig(on_nan="rollback", precision="float32")
    assert untried(tried) == "resume with a lower optimizer.*.lr or loop.clip_grad=1"
    advice = "resume with a lower optimizer.*.lr, loop.precision=float32 or loop.on_nan=rollback"
    assert untried(LoopConfig(clip_grad=1)) == advice
