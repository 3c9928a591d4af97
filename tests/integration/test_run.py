"""Whole runs: the files they write, and resuming without loss after they are stopped or killed."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from support.runs import resume, start

from ganzoo import LossEntry, hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError, TrainingFailed
from ganzoo.interfaces import Loss
from ganzoo.metrics import configured
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import sealed
from ganzoo.utils.files import read_jsonl


@pytest.fixture
def quiet() -> Display:
    return Display(Console(quiet=True))


def final_weights(directory: Path) -> dict[str, torch.Tensor]:
    newest = sorted((directory / "checkpoints").iterdir())[-1]
    return {f"{file.stem}.{k}": v for file in newest.glob("*.safetensors") for k, v in load_file(file).items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def trained(registry, quiet, tiny, tmp_path):
    def train(recipe="dcgan+wgan-gp", name="run", settings=(), **options):
        config = resolve(registry, recipe, None, [*tiny(recipe.split("+")[0].split("/")[0]), *settings])
        start(registry, config, quiet, out=tmp_path / name, **options)
        return tmp_path / name

    return train


@pytest.fixture(scope="module")
def first_run(registry, tiny, tmp_path_factory) -> Path:
    """The default run of ``trained()``, made once for all tests that do not change it."""
    directory = tmp_path_factory.mktemp("first") / "run"
    config = resolve(registry, "dcgan+wgan-gp", None, tiny("dcgan"))
    start(registry, config, Display(Console(quiet=True)), out=directory)
    return directory


@pytest.fixture
def copied(first_run, tmp_path) -> Path:
    """A copy of the first run for each test."""
    return Path(shutil.copytree(first_run, tmp_path / "copied"))


def test_a_run_dir_holds_all_it_promises(first_run):
    directory = first_run
    assert {path.name for path in directory.iterdir()} == {
        "config.yaml",
        "provenance.json",
        "log.jsonl",
        "score.json",
        "samples",
        "verdicts",
        "checkpoints",
        "lock",
    }
    origin = json.loads((directory / "provenance.json").read_text())
    assert origin["plugins"] == {"ganzoo": origin["versions"]["ganzoo"]}
    assert len(origin["data"]["fingerprint"]) == 64
    log = read_jsonl(directory / "log.jsonl")
    assert [record["shown"] for record in log] == sorted({record["shown"] for record in log})
    assert log[-1]["kimg"] >= 0.512
    assert {"loss_discriminator", "loss_generator", "auc", "penalty_gp", "gradient_generator"} <= log[-1].keys()
    assert "accuracy_real" not in log[-1]  # a critic has no border at 0
    assert len(list((directory / "samples").glob("*.png"))) >= 3
    assert len(list((directory / "checkpoints").iterdir())) == 2  # loop.keep


def test_accuracy_is_logged_where_the_loss_has_a_border(trained):
    assert {"accuracy_real", "accuracy_fake"} <= read_jsonl(trained("mlp+minimax") / "log.jsonl")[-1].keys()


def test_one_seed_gives_one_result(first_run, trained):
    first = final_weights(first_run)
    assert same(first, final_weights(trained(name="second")))
    assert not same(first, final_weights(trained(name="third", settings=["seed=1"])))


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("dcgan+wgan-gp", []),
        ("stylegan-lite+non-saturating+r1", ["penalties.r1.interval=4", "loop.schedule=cosine"]),
        ("dcgan+minimax", ["discriminator.norm=spectral", "data.mirror=true"]),
        ("stylegan-lite/dcgan+minimax", ["discriminator.norm=batch", "loop.clip_grad=1"]),
    ],
)
def test_stopped_and_resumed_equals_undisturbed(trained, first_run, registry, quiet, monkeypatch, recipe, settings):
    is_first = (recipe, settings) == ("dcgan+wgan-gp", [])
    undisturbed = first_run if is_first else trained(recipe, "undisturbed", settings)
    from ganzoo.training.loop import Loop

    whole = Loop.iteration

    def stopping(self):
        whole(self)
        self.stop_requested = self.counters.shown > 200

    monkeypatch.setattr(Loop, "iteration", stopping)
    stopped = trained(recipe, "stopped", settings)
    assert not (stopped / "score.json").exists()
    monkeypatch.setattr(Loop, "iteration", whole)
    assert resume(registry, stopped, quiet).finished
    assert same(final_weights(undisturbed), final_weights(stopped))
    strip = ("seconds", "pictures_per_second")
    kept = [
        [{k: v for k, v in r.items() if k not in strip} for r in read_jsonl(f / "log.jsonl")][-1]
        for f in (undisturbed, stopped)
    ]
    assert kept[0] == kept[1]


LONG = ["loop.kimg=6", "loop.log_kimg=0.25", "loop.snapshot_kimg=0.5"]


@pytest.fixture(scope="module")
def undisturbed(registry, tiny, tmp_path_factory):
    """An uninterrupted run that is long enough to kill an identical run midway."""
    directory = tmp_path_factory.mktemp("undisturbed") / "run"
    config = resolve(registry, "mlp+non-saturating", None, [*tiny("mlp"), *LONG])
    start(registry, config, Display(Console(quiet=True)), out=directory)
    return directory


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_resumed_equals_undisturbed(undisturbed, registry, quiet, tiny, tmp_path, kill):
    """A run that a real signal stops after two checkpoints has the undisturbed run's weights after a resume."""
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", "run", "mlp+non-saturating", *tiny("mlp"), *LONG, "--out", str(killed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(list((killed / "checkpoints").glob("kimg*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
        assert process.poll() is None, process.stdout.read()
    process.send_signal(kill)
    printed, _ = process.communicate()
    if kill == signal.SIGINT:
        assert process.returncode == 130
        assert printed.splitlines()[-1] == f"stopped; continue with: ganzoo resume {killed}"
    reached = len(read_jsonl(killed / "log.jsonl"))
    assert 0 < reached < len(read_jsonl(undisturbed / "log.jsonl")), "the kill came too late to prove anything"
    assert resume(registry, killed, quiet).finished
    assert same(final_weights(undisturbed), final_weights(killed))
    shown, expected = ([record["shown"] for record in read_jsonl(at / "log.jsonl")] for at in (killed, undisturbed))
    stopped_between = set(shown) - set(expected)  # Ctrl-C logs the steps since the last interval
    assert [value for value in shown if value not in stopped_between] == expected
    assert len(stopped_between) <= (kill == signal.SIGINT)


def test_a_run_killed_before_anything_was_written_resumes_from_the_start(copied, registry, quiet):
    directory = copied
    expected = final_weights(directory)
    shutil.rmtree(directory / "checkpoints")
    with pytest.raises(GanzooError, match=r"copied was trained, but holds no checkpoint; restore"):
        resume(registry, directory, quiet)
    (directory / "log.jsonl").unlink()
    resume(registry, directory, quiet)
    assert same(expected, final_weights(directory))


def test_a_directory_is_never_overwritten(copied, trained):
    with pytest.raises(GanzooError, match="already exists"):
        trained(name=copied.name)


def test_init_from_takes_the_weights_alone(first_run, trained):
    first = first_run
    second = trained(name="second", init_from=first, settings=["loop.kimg=0.016", "optimizer.generator.lr=1e-12",
                                                               "optimizer.discriminator.lr=1e-12"])  # fmt: skip
    before, after = final_weights(first), final_weights(second)
    name = "generator.body.0.weight"
    assert torch.allclose(before[name], after[name], atol=1e-6)
    assert read_jsonl(second / "log.jsonl")[0]["steps_g"] == 1


def test_init_from_another_shape_is_refused_by_name(first_run, trained):
    with pytest.raises(GanzooError, match="does not fit"):
        trained(name="second", init_from=first_run, settings=["generator.width=4"])


def test_resuming_with_other_images_is_refused(copied, registry, quiet):
    directory = copied
    file = directory / "provenance.json"
    origin = json.loads(file.read_text())
    file.write_text(json.dumps(sealed({**origin, "data": {**origin["data"], "fingerprint": "0"}})))
    with pytest.raises(GanzooError, match="other images"):
        resume(registry, directory, quiet)


class Breaking(Loss):
    """A loss whose discriminator part is NaN from the tenth step on."""

    calls = 0

    def discriminator(self, *, d_real, d_fake):
        Breaking.calls += 1
        return d_fake.mean() * (float("nan") if Breaking.calls >= 10 else 1.0)

    def generator(self, *, d_real, d_fake):
        assert d_real is not None  # because of generator_needs_real
        return (d_real - d_fake).mean()


def test_nan_stops_the_run_with_step_part_and_last_good_checkpoint(quiet, tiny, tmp_path):
    registry = Registry.load(strict=True)
    registry.entries["loss"]["breaking"] = LossEntry(
        name="breaking",
        summary="",
        target=f"{__name__}:Breaking",
        generator_needs_real=True,
        owner=registry.plugins[0].owner,
    )
    Breaking.calls = 0
    settings = [*tiny("mlp", log_kimg=0.064, snapshot_kimg=0.064), "loop.kimg=1"]
    with pytest.raises(TrainingFailed) as caught:
        start(registry, resolve(registry, "mlp+breaking", None, settings), quiet, out=tmp_path / "run")
    message = str(caught.value)
    assert "loss discriminator is not finite at discriminator step 9" in message
    assert "kimg000000.128" in message  # the tenth step, of images 145 to 160, comes next
    assert (tmp_path / "run/checkpoints/kimg000000.128").exists()


def test_life_cycle_hooks_see_the_run(quiet, tiny, tmp_path):
    from types import SimpleNamespace

    seen: list[str] = []
    watcher = SimpleNamespace(
        run_started=hookimpl(lambda run, config: seen.append(f"started {config['recipe']}")),
        interval_logged=hookimpl(lambda record: seen.append("logged")),
        checkpoint_written=hookimpl(lambda checkpoint: seen.append(f"checkpoint {checkpoint.exists()}")),
        run_finished=hookimpl(lambda score: seen.append("finished")),
    )
    registry = Registry.load(strict=True)
    assert not registry.add(lambda: watcher, "watcher", "stranger", "1").error
    start(registry, resolve(registry, "mlp+minimax", None, tiny("mlp")), quiet, out=tmp_path / "run")
    assert seen[0] == "started mlp+minimax" and seen[-1] == "finished"
    assert seen.count("checkpoint True") == 3 and "logged" in seen


def test_a_run_that_cannot_be_scored_is_refused_before_anything_is_written(registry, quiet, tiny, tmp_path):
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "metrics.names=[fdi]"])
    with pytest.raises(GanzooError, match="unknown metric 'fdi'; did you mean fid"):
        start(registry, config, quiet, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_the_fid_network_a_run_succeeds_unscored(registry, tiny, tmp_path, monkeypatch):
    from ganzoo.errors import NetworkMissing

    def missing(*_, **options):
        raise NetworkMissing("no network: pip install 'ganzoo[offline]'")

    monkeypatch.setattr(configured, "score", missing)
    console = Console(record=True, file=io.StringIO(), width=200)
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "metrics.names=[fid]"])
    outcome = start(registry, config, Display(console), out=tmp_path / "run")
    assert outcome.finished and outcome.score == {}
    assert console.export_text().count("not scored: no network: pip install 'ganzoo[offline]'") == 1


@pytest.mark.parametrize("often", ["metrics.every_kimg=0.128", "metrics.times=4"])
def test_the_best_checkpoint_by_fid_is_kept_and_a_score_is_taken_once(
    registry, quiet, tiny, tmp_path, monkeypatch, often
):
    """Scores get worse from snapshot to snapshot, so the first scored snapshot is the best."""
    from ganzoo.metrics.score import Score

    given: list[float] = []

    def worse(*_, **options):
        given.append(len(given) + 1.0)
        return Score({"fid": given[-1]}, {}, 0.0)

    monkeypatch.setattr(configured, "score", worse)
    settings = [*tiny("mlp", snapshot_kimg=0.064, keep=1), "metrics.names=[fid]", often]
    outcome = start(registry, resolve(registry, "mlp+minimax", None, settings), quiet, out=tmp_path / "run")
    assert [path.name for path in sorted(outcome.directory.checkpoints.iterdir())] == [
        "kimg000000.128",
        "kimg000000.512",
    ]
    assert outcome.directory.checkpoint("best").kimg == 0.128
    assert outcome.score["values"]["fid"] == len(given) == 4
    assert resume(registry, tmp_path / "run", quiet).score == outcome.score
    assert len(given) == 4


@pytest.mark.parametrize(
    ("often", "count"), [("metrics.times=16", 16), ("metrics.every_kimg=0.032", 16), ("metrics.every_kimg=0.128", 4)]
)
def test_as_many_scores_are_taken_as_asked_without_a_snapshot_interval(
    registry, quiet, tiny, tmp_path, monkeypatch, often, count
):
    from ganzoo.metrics.score import Score

    monkeypatch.setattr(configured, "score", lambda *_, **__: Score({"fid": 1.0}, {}, 0.0))
    settings = [*tiny("mlp"), "loop.snapshot_kimg=null", "loop.batch=32", "metrics.names=[fid]", often]
    outcome = start(registry, resolve(registry, "mlp+minimax", None, settings), quiet, out=tmp_path / "run")
    assert len(read_jsonl(outcome.directory.scores_file)) == count


def test_a_held_schedule_leaves_the_first_share_alone(trained):
    settings = ["loop.schedule=linear", "loop.hold=0.5", "optimizer.generator.lr=0.001", "loop.log_kimg=0.016"]
    learning_rates = [
        line["lr_generator"] for line in read_jsonl(trained("mlp+minimax", settings=settings) / "log.jsonl")
    ]
    held, falling = learning_rates[:16], learning_rates[16:]
    assert set(held) == {0.001}
    assert all(learning_rate == pytest.approx(0.001 * (1 - step / 16)) for step, learning_rate in enumerate(falling, 1))


def test_training_counts_denormal_numbers_as_zero(trained):
    torch.set_flush_denormal(False)
    tiny = torch.tensor([1e-30])
    assert (tiny * 1e-10).item() > 0
    trained("mlp+minimax")
    assert (tiny * 1e-10).item() == 0


@pytest.mark.parametrize("out", [None, "mine"])
def test_a_run_that_cannot_begin_leaves_no_directory_that_it_named(registry, quiet, tiny, tmp_path, monkeypatch, out):
    """One that the user named stays, and a run may begin in it."""
    monkeypatch.chdir(tmp_path)
    path = Path(out) if out else None
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "optimizer.generator.name=none"])
    with pytest.raises(GanzooError, match="neither timm nor a plugin has it"):
        start(registry, config, quiet, out=path)
    left = {str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*") if entry.is_dir()}
    assert left - {"data"} == ({"mine"} if out else {"runs"})
    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    assert start(registry, config, quiet, out=path).directory.path == Path(out or "runs/mlp+minimax-001")
