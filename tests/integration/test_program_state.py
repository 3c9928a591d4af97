"""A program's settings of torch change no result, and the Python API leaves them as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ganzoo
from ganzoo import GanzooError

SETTINGS = {
    "loop.kimg": 0.064,
    "loop.batch": 16,
    "loop.device": "cpu",
    "metrics.names": [],
    "generator.width": 8,
    "discriminator.width": 8,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return ganzoo.train("dcgan+hinge", out=tmp_path_factory.mktemp("state") / "run", settings=SETTINGS)


@pytest.fixture
def other_defaults():
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


def test_other_defaults_of_dtype_and_device_give_the_same_run_and_images(run, tmp_path, other_defaults):
    again = ganzoo.train("dcgan+hinge", out=tmp_path / "run", settings=SETTINGS)
    generator = ganzoo.load_generator(again.path, device="cpu")
    images = generator.sample(2, seed=1)
    assert images.dtype == torch.float32 and generator.sample_seeds([1]).device.type == "cpu"
    assert ganzoo.image_grid(images).size == (62, 32)
    assert (torch.get_default_dtype(), torch.get_default_device().type) == (torch.float64, "meta")
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    assert torch.equal(run.generator(device="cpu").sample(2, seed=1), images)


def test_training_where_no_gradients_are_recorded(run, tmp_path):
    with torch.inference_mode():
        trained = ganzoo.train("dcgan+hinge", out=tmp_path / "run", settings=SETTINGS)
        assert torch.is_inference_mode_enabled()
        images = trained.generator(device="cpu").sample(2)
    assert torch.equal(images, run.generator(device="cpu").sample(2))


def test_a_programs_random_numbers_are_not_used(run):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    run.generator(device="cpu").sample(1)
    ganzoo.create_model("dcgan+hinge", settings={"generator.width": 8})
    assert torch.equal(torch.rand(1), expected)


def test_a_generator_in_training_mode_is_refused(run):
    generator = run.generator(device="cpu").train()
    with pytest.raises(GanzooError, match=r"in training mode; call its eval\(\) first"):
        generator.sample(3)


def test_labels_are_whole_numbers():
    image = ganzoo.ImageSpec(1, 28, classes=4)
    settings = {"generator.width": 8, "generator.conditional": True}
    generator = ganzoo.create_model("dcgan+hinge", image=image, settings=settings).generator.eval()
    assert len(generator.sample(2, labels=np.array([1, 3]))) == 2
    for labels in (1.7, torch.tensor([1.0, 2.0]), True, float("nan"), "1", [1, None]):
        with pytest.raises(GanzooError, match="whole number"):
            generator.sample(2, labels=labels)


def test_seeds_are_whole_numbers_of_any_kind(run):
    generator = run.generator(device="cpu")
    expected = generator.sample_seeds([3, 4])
    for seeds in (np.array([3, 4]), torch.tensor([3, 4])):
        assert torch.equal(generator.sample_seeds(seeds), expected)
    for seed in (1.5, None, "a", 2**64):
        with pytest.raises(GanzooError, match="must be a whole number from"):
            generator.sample(1, seed=seed)


def test_auto_is_a_device(run):
    assert run.generator(device="auto").sample(1).shape == (1, 1, 28, 28)


@pytest.mark.parametrize("device", ["cuda:99", "meta", "nowhere"])
def test_a_device_that_is_not_available_is_named(run, device):
    with pytest.raises(GanzooError, match=f"^device {device}: "):
        run.generator(device=device)


def test_images_of_a_grid():
    images = np.zeros((3, 1, 8, 8), np.float32)
    assert ganzoo.image_grid(images[::-1], columns=3).size == ganzoo.image_grid(images, columns=3).size
    for wrong, says in ((images[:0], "no images"), (None, "are a NoneType")):
        with pytest.raises(GanzooError, match=says):
            ganzoo.image_grid(wrong)
    with pytest.raises(GanzooError, match="columns is 0"):
        ganzoo.image_grid(images, 0)
    with pytest.raises(GanzooError, match="2 images or more"):
        ganzoo.evaluate(np.zeros((1, 1, 28, 28), np.uint8), data="fashion-10k")


def test_a_single_callback_is_a_list_of_one(tmp_path):
    heard = []

    class Listener(ganzoo.Callback):
        def run_finished(self, run, score):
            heard.append(run)

    ganzoo.train("dcgan+hinge", out=tmp_path / "run", settings=SETTINGS, callbacks=Listener())
    assert heard == [tmp_path / "run"]


@pytest.mark.parametrize("callbacks", [[ganzoo.Callback], [print], None])
def test_callbacks_are_checked_before_a_run_begins(tmp_path, callbacks):
    with pytest.raises(GanzooError, match="must be a list of ganzoo"):
        ganzoo.train("dcgan+hinge", out=tmp_path / "run", settings=SETTINGS, callbacks=callbacks)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("settings", [5, ["loop.kimg=1", 5], [("loop.kimg", 1)]])
def test_settings_are_a_mapping_or_a_list_of_text(settings):
    with pytest.raises(GanzooError, match="must be a mapping or a list of KEY=VALUE"):
        ganzoo.create_model("dcgan+hinge", settings=settings)
