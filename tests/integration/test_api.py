"""The Python API as scripts use it: it trains, loads, samples and scores, and prints nothing."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

import ganzoo
from ganzoo import Callback, GanzooError, ImageSpec
from ganzoo.cli.main import main

QUICK = {
    "loop.kimg": 0.128,
    "loop.batch": 16,
    "loop.log_kimg": 0.064,
    "loop.snapshot_kimg": 0.064,
    "loop.device": "cpu",
    "metrics.names": [],
    "generator.width": 16,
    "discriminator.width": 16,
}


class Listener(Callback):
    """A callback that records the names of its calls in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def run_started(self, run, config):
        self.heard.append("run_started")

    def interval_logged(self, run, record):
        self.heard.append("interval_logged")

    def snapshot_taken(self, run, kimg, image):
        self.heard.append("snapshot_taken")

    def run_finished(self, run, score):
        self.heard.append("run_finished")

    def run_stopped(self, run, reason):
        self.heard.append(f"run_stopped: {reason}")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished small run."""
    return ganzoo.train("mlp+minimax", out=tmp_path_factory.mktemp("api") / "run", settings=QUICK)


def test_a_script_trains_and_prints_nothing(tmp_path, capfd):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    listener = Listener()
    run = ganzoo.train("mlp+minimax", out=tmp_path / "run", settings=QUICK, callbacks=[listener])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert capfd.readouterr() == ("", "")
    assert run.finished and run.stop_code == 0
    assert listener.heard[0] == "run_started" and listener.heard[-1] == "run_finished"
    assert {"interval_logged", "snapshot_taken"} < set(listener.heard)


def test_a_run_holds_what_it_left(run):
    assert run.config["loop"]["batch"] == 16 and run.config["recipe"] == "mlp+minimax"
    assert [record["kimg"] for record in run.log] == [0.064, 0.128]
    assert run.samples[-1].suffix == ".png" and run.checkpoints[-1] == "kimg000000.128"
    assert run.score is None and run.scores == []
    assert repr(run) == f"Run({str(run.path)!r})"
    assert run._repr_png_().startswith(b"\x89PNG")


def test_a_loaded_run_is_the_same(run):
    again = ganzoo.load(run.path)
    assert again.log == run.log and again.config == run.config


def test_samples_depend_on_the_seed_alone(run):
    generator = run.generator(device="cpu")
    images = generator.sample(7, seed=3)
    assert images.shape == (7, 1, 28, 28) and images.dtype == torch.float32
    assert images.abs().max() <= 1 and not generator.training
    assert torch.equal(ganzoo.load_generator(run.path, device="cpu").sample(3, seed=3), images[:3])
    assert not torch.equal(generator.sample(7, seed=4), images)


def test_samples_are_those_of_the_command_line(run, tmp_path):
    with pytest.raises(SystemExit):
        main(["sample", str(run.path), "-n", "4", "--seed", "9", "--out", str(tmp_path / "grid.png")])
    ganzoo.image_grid(run.generator(device="cpu").sample(4, seed=9), 2).save(tmp_path / "own.png")
    from PIL import Image

    with Image.open(tmp_path / "grid.png") as one, Image.open(tmp_path / "own.png") as other:
        assert (np.asarray(one) == np.asarray(other)).all()


def test_labels_of_a_conditional_generator():
    class Conditional(ganzoo.create_model("mlp+minimax", settings={"generator.width": 8}).generator.__class__):
        conditional = True

        def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
            return torch.ones(len(latents), 1, 28, 28) * labels.view(-1, 1, 1, 1) / 10

    from ganzoo_mlp import GeneratorParams

    generator = Conditional(ImageSpec(1, 28, classes=5), GeneratorParams(width=8)).eval()
    assert generator.sample(3, labels=torch.tensor([4, 0, 2]))[:, 0, 0, 0].tolist() == pytest.approx([0.4, 0.0, 0.2])
    assert generator.sample(2, labels=1)[:, 0, 0, 0].tolist() == pytest.approx([0.1, 0.1])
    for labels in (torch.tensor([1]), 5, -1):
        with pytest.raises(GanzooError):
            generator.sample(2, labels=labels)


@pytest.mark.parametrize(
    ("options", "says"), [({"labels": 1}, "not class-conditional"), ({"truncation": 2}, "must be from 0 to 1"),
                          ({"truncation": 0.5}, "has no truncation"), ({"count": 0}, "must be 1 or more")]
)  # fmt: skip
def test_what_a_generator_lacks_is_refused(run, options, says):
    with pytest.raises(GanzooError, match=says):
        run.generator(device="cpu").sample(**{"count": 1, **options})


def test_an_interrupted_run_is_resumed_to_the_same_weights(run, tmp_path):
    class Interrupt(Listener):
        def interval_logged(self, run, record):
            raise KeyboardInterrupt

    interrupt = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        ganzoo.train("mlp+minimax", out=tmp_path / "run", settings=QUICK, callbacks=[interrupt])
    assert interrupt.heard[-1] == "run_stopped: interrupted"
    begun = ganzoo.load(tmp_path / "run")
    assert not begun.finished
    resumed = begun.resume()
    assert resumed.finished
    for name, weights in run.generator(device="cpu").state_dict().items():
        assert torch.equal(weights, resumed.generator(device="cpu").state_dict()[name])


def test_data_and_settings(tmp_path):
    run = ganzoo.train(
        "mlp+minimax",
        data="fashion-10k",
        out=tmp_path / "run",
        settings=[f"{key}={value}" for key, value in QUICK.items()],
    )
    assert run.config["data"]["name"] == "fashion-10k"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"recipe": None}, "name a recipe"),
        ({"recipe": "mlp+minmax"}, "did you mean minimax"),
        ({"settings": {"loop.kimgs": 1}}, "did you mean 'loop.kimg'"),
        ({"settings": {"loop.kimg": object()}}, "loop.kimg is of the type object"),
        ({"settings": "loop.kimg=1"}, "must be a mapping"),
        ({"data": "nowhere"}, "nowhere"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, arguments, says):
    with pytest.raises(GanzooError, match=says):
        ganzoo.train(**{"recipe": "mlp+minimax", "out": tmp_path / "run", "settings": QUICK, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_parts_are_listed():
    assert {"wgan", "wgan-gp"} <= set(ganzoo.list_parts("loss", "wgan*"))
    assert "dcgan" in ganzoo.list_parts("architecture") and "dcgan" not in ganzoo.list_parts("loss")
    with pytest.raises(GanzooError, match="unknown kind 'los'"):
        ganzoo.list_parts("los")


def test_a_model_is_created():
    model = ganzoo.create_model("dcgan+wgan-gp", image=ImageSpec(3, 32), settings={"generator.width": 8})
    images = model.generator(torch.zeros(2, model.generator.latent_dim))
    assert images.shape == (2, 3, 32, 32) and model.discriminator(images).shape == (2,)
    assert [penalty.name for penalty in model.penalties] == ["gp"]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ((1, 28), r"image is \(1, 28\), must be a ganzoo.ImageSpec"),
        (ImageSpec(2, 28), r"ImageSpec\(.*\): channels must be 1 or 3"),
        (ImageSpec(3, 0), "size above 0"),
    ],
)
def test_a_model_of_no_image_is_refused(image, says):
    with pytest.raises(GanzooError, match=says):
        ganzoo.create_model("mlp+hinge", image=image)


@pytest.mark.long
def test_a_generator_and_its_images_score_alike(run):
    generator = run.generator(device="cpu")
    options = {"data": "fashion-10k", "settings": {"metrics.mode": "fast"}}
    score = ganzoo.evaluate(generator, samples=24, seed=2, **options)
    assert score.protocol["fake_pictures"] == 24 and score.protocol["demonstration"]
    from ganzoo.metrics.fakes import fake_images

    images = torch.cat(list(fake_images(generator, 24, 2, None, 1.0)))
    assert ganzoo.evaluate(images, **options).values == pytest.approx(score.values)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((4, 28, 28), np.uint8), "must be \\(N, 1 or 3, H, W\\)"),
        (np.full((4, 1, 28, 28), 2.0), "not numbers in \\[-1, 1\\]"),
        (np.zeros((4, 1, 28, 28), np.int64), "must be uint8"),
    ],
)
def test_images_that_cannot_be_scored_are_refused(images, says):
    with pytest.raises(GanzooError, match=says):
        ganzoo.evaluate(images, data="fashion-10k")


def test_settings_of_a_score_are_those_of_data_and_metrics():
    with pytest.raises(GanzooError, match="only data"):
        ganzoo.evaluate(np.zeros((4, 1, 28, 28), np.uint8), data="fashion-10k", settings={"loop.kimg": 1})


def train_in_a_process(place: str) -> float:
    return ganzoo.train("mlp+minimax", out=place, settings=QUICK).log[-1]["loss_generator"]


def test_it_works_under_spawn(run, tmp_path):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(train_in_a_process, (str(tmp_path / "run"),)) == run.log[-1]["loss_generator"]


def test_importing_and_listing_imports_no_torch():
    code = "import sys, ganzoo; ganzoo.list_parts('loss'); assert 'torch' not in sys.modules; dir(ganzoo)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    assert all(getattr(ganzoo, name) is not None for name in ganzoo.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = ganzoo.trian
