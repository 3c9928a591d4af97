"""The files of a snapshot: the same latents and real images each time, and logits computed without side effects."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from rich.console import Console
from support.runs import start

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.entries import ImageSpec
from ganzoo.models.build import build_model
from ganzoo.models.sampling import labels_of, sample
from ganzoo.training.snapshots import judge

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def images():
    rng = torch.Generator().manual_seed(0)
    return torch.randint(256, (2, 64, 1, 28, 28), generator=rng, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("dcgan+minimax", ["discriminator.norm=batch"]),
        ("dcgan+minimax", ["discriminator.norm=spectral"]),
        ("stylegan-lite+non-saturating", []),
    ],
)
def test_asking_the_discriminator_changes_nothing(registry, tiny, images, recipe, settings):
    config = resolve(registry, recipe, None, [*tiny(recipe.split("+")[0]), *settings])
    discriminator = build_model(config, ImageSpec(1, 28)).discriminator
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    state = torch.get_rng_state()
    first = judge(discriminator, images[0], None, images[1], None)
    assert judge(discriminator, images[0], None, images[1], None) == first
    assert [len(side) for side in first] == [64, 64]
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert discriminator.training


def test_a_batch_that_mixes_is_judged_as_it_was_trained(registry, tiny, images):
    """With batch norm, the logits are computed in training mode, in one call for each side."""
    config = resolve(registry, "dcgan+minimax", None, [*tiny("dcgan"), "discriminator.norm=batch"])
    discriminator = build_model(config, ImageSpec(1, 28)).discriminator
    with torch.no_grad():
        expected = discriminator(images[0].float() / 127.5 - 1)
    assert judge(discriminator, images[0], None, images[1], None)[0] == pytest.approx(expected.tolist(), rel=2e-3)


def test_each_snapshot_leaves_verdicts_on_the_same_images(registry, tiny, tmp_path):
    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    directory = start(registry, config, Display(Console(quiet=True)), out=tmp_path / "run").directory
    grids = {path.stem for path in directory.samples.glob("*.png")}
    records = {path.stem: json.loads(path.read_text()) for path in sorted(directory.verdicts.glob("*.json"))}
    assert records.keys() == grids and len(grids) == 3
    first, *_, last = records.values()
    assert first["probability"] and first["zero_is_border"]
    assert (first["shown"], last["shown"]) == (0, 512)
    assert len(first["d_fake"]) == len(first["d_real"]) == 64
    assert first["d_fake"] != last["d_fake"]
    size = Image.open(directory.samples / f"{min(grids)}.png").size
    assert Image.open(directory.verdicts / "real.png").size == size


def test_labels_are_those_the_images_were_made_of(registry, tiny):
    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    generator = build_model(config, ImageSpec(1, 28, classes=10)).generator.eval()
    seen = []
    generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    list(sample(generator, 64, seed=3))
    labels = labels_of(generator, 64, 3)
    assert labels is not None and torch.equal(labels, seen[0][:64])
    assert len(labels.unique()) > 5
