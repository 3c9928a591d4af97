"""Tests that train runs with the plugin and read their event files back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorboard")

from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import ganzoo_tensorboard
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.console.display import Display
from ganzoo.plugin.registry import Registry
from ganzoo.training.anomalies import Fault, Watch
from ganzoo.training.callbacks import Hooks
from ganzoo.training.run import resume, start
from ganzoo_tensorboard.events import flatten

SMALL = ["generator.width=8", "generator.layers=1", "discriminator.width=8", "discriminator.layers=1", "loop.batch=16",
         "loop.kimg=0.256", "loop.log_kimg=0.064", "loop.snapshot_kimg=0.128", "loop.device=cpu", "metrics.names=[]",
         "loop.keep=9"]  # fmt: skip
LOGGED, SAMPLED = [64, 128, 192, 256], [0, 128, 256]
QUIET = Display(Console(quiet=True))


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return a registry that has this plugin, even if it is not installed."""
    found = Registry.load(strict=True)
    if not any(plugin.distribution == "ganzoo-tensorboard" for plugin in found.plugins):
        found.add(lambda: ganzoo_tensorboard, "tensorboard")
    return found


@pytest.fixture(scope="module")
def config(registry: Registry) -> Config:
    return resolve(registry, "mlp+minimax", None, SMALL)


@pytest.fixture(scope="module")
def finished(registry: Registry, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run that was trained with the plugin."""
    return start(config, QUIET, Hooks(registry), out=tmp_path_factory.mktemp("runs") / "run").directory.path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def read(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0}).Reload()


def steps(events: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in (events.Images if tag == "samples" else events.Scalars)(tag)]


def forget(run: Path, shown: int) -> None:
    """Delete the checkpoints after ``shown`` but keep the log, as if the run was killed later."""
    for checkpoint in run.glob("checkpoints/*"):
        if json.loads((checkpoint / "meta.json").read_text())["shown"] > shown:
            shutil.rmtree(checkpoint)


def test_scalars_are_those_of_the_log(finished: Path) -> None:
    events = read(finished)
    log = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    assert [record["shown"] for record in log] == LOGGED
    for name in ("loss_generator", "loss_discriminator", "lr_generator", "auc", "pictures_per_second"):
        found = events.Scalars(f"train/{name}")
        assert [event.step for event in found] == LOGGED
        assert [event.value for event in found] == pytest.approx([record[name] for record in log])
    assert "train/shown" not in events.Tags()["scalars"]


def test_images_are_the_sample_grids(finished: Path) -> None:
    found = read(finished).Images("samples")
    assert [image.step for image in found] == SAMPLED
    assert all(image.encoded_image_string.startswith(b"\x89PNG") for image in found)
    assert {(image.width, image.height) for image in found} == {(8 * 30 + 2, 8 * 30 + 2)}


def test_hyper_parameters_are_the_settings(finished: Path, config: Config) -> None:
    content = read(finished).PluginTagToContent("hparams")
    assert set(content) == {"_hparams_/session_start_info", "_hparams_/session_end_info"}
    found = HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info.hparams
    assert set(found) == set(flatten(config.as_dict()))
    assert found["recipe"].string_value == "mlp+minimax"
    assert found["loop.kimg"].number_value == 0.256
    assert found["optimizer.generator.betas"].string_value == "[0.0, 0.9]"
    assert "loop.clip_grad" not in found  # null


def test_a_rewound_run_says_each_step_once(registry: Registry, config: Config, run: Path) -> None:
    forget(run, 128)
    assert resume(config, run, QUIET, Hooks(registry)).finished
    assert len(list(run.glob("events.out.tfevents.*"))) == 2
    events = read(run)
    assert steps(events, "train/loss_generator") == LOGGED
    assert steps(events, "samples") == SAMPLED
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    speeds = [event.value for event in events.Scalars("train/pictures_per_second")]
    assert speeds == pytest.approx([record["pictures_per_second"] for record in log])  # those after the resume


def test_what_a_rollback_trains_again_is_written_once(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Watch.judge

    def once(self: Watch, means: Any, not_finite: Any, step: int) -> None:
        judge(self, means, not_finite, step)
        if step == 12 and not faults:
            faults.append(step)
            raise Fault("something went wrong")

    faults: list[int] = []
    monkeypatch.setattr(Watch, "judge", once)
    config = resolve(registry, "mlp+minimax", None, [*SMALL, "loop.on_nan=rollback"])
    run = start(config, QUIET, Hooks(registry), out=tmp_path / "run").directory.path
    assert faults == [12] and steps(read(run), "train/auc") == LOGGED


def test_a_run_that_was_not_watched_from_the_start_is_shown_whole(
    registry: Registry, config: Config, run: Path
) -> None:
    for file in run.glob("events.out.tfevents.*"):
        file.unlink()
    forget(run, 128)
    assert resume(config, run, QUIET, Hooks(registry)).finished
    events = read(run)
    assert steps(events, "train/loss_generator") == LOGGED
    assert steps(events, "samples") == SAMPLED
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")


def test_scores_are_written_once_however_often_a_run_is_finished(registry: Registry, config: Config, run: Path) -> None:
    lines = [{"shown": shown, "checkpoint": f"kimg{shown / 1000:010.3f}", "values": {"fid": float(shown)},
              "protocol": {}, "seconds": 1.0} for shown in (128, 256)]  # fmt: skip
    (run / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for _ in range(2):
        assert resume(config, run, QUIET, Hooks(registry)).finished
        events = read(run)
        # The score at 128 was written without the plugin and is before the newest checkpoint, so it is left out.
        assert [(event.step, event.value) for event in events.Scalars("score/fid")] == [(256, 256.0)]
        assert steps(events, "train/loss_generator") == LOGGED


def test_hooks_of_a_run_whose_start_was_missed_do_nothing(tmp_path: Path) -> None:
    ganzoo_tensorboard.interval_logged(tmp_path, {"shown": 1, "auc": 0.5})
    ganzoo_tensorboard.checkpoint_written(tmp_path, tmp_path / "kimg000000.001", 0.001)
    ganzoo_tensorboard.run_finished(tmp_path, {})
    assert not any(tmp_path.iterdir())


def test_loading_the_plugin_imports_neither_torch_nor_tensorboard() -> None:
    code = "import sys, ganzoo_tensorboard; assert not {'torch', 'tensorboard'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
