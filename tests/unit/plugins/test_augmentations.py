"""Tests of the augmentations on known images and in a whole run."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file
from support.runs import resume, start
from torch import Tensor

from ganzoo.config.recipe import parse_recipe
from ganzoo.entries import AugmentationEntry, ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Discriminator
from ganzoo.models.augmented import Augmented
from ganzoo.plugin.registry import Registry
from ganzoo_augmentations import ADAParams, DiffAugParams, ada, diffaug

pytestmark = pytest.mark.seconds

REGISTRY = Registry.load()
NAMES = sorted(REGISTRY.entries["augmentation"])
SPECS = [ImageSpec(1, 28), ImageSpec(3, 32)]
every_augmentation = pytest.mark.parametrize("name", NAMES)
every_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.channels}x{spec.size}")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(spec: ImageSpec, count: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, spec.channels, spec.size, spec.size, generator=seeded(1), dtype=dtype) * 2 - 1


def make(name: str, spec: ImageSpec = SPECS[0], **params: object) -> Augmentation:
    entry = REGISTRY.get(AugmentationEntry, name)
    augmentation = entry.load()(spec, entry.params(**params))
    augmentation.strength.fill_(1)
    return augmentation


def of(*values: float) -> Tensor:
    return torch.tensor(values)


@every_augmentation
@every_spec
def test_images_change_each_in_its_own_way_and_by_seed(name: str, spec: ImageSpec) -> None:
    augmentation = make(name, spec)
    same = images(spec)[:1].expand(4, -1, -1, -1)
    found = augmentation(same, seeded())
    assert found.shape == same.shape and found.isfinite().all()
    assert not torch.allclose(found[0], found[1]) and not torch.allclose(found[0], same[0])
    assert torch.equal(found, augmentation(same, seeded()))
    assert not torch.equal(found, augmentation(same, seeded(1)))


@every_augmentation
def test_the_global_random_state_is_left_alone(name: str) -> None:
    before = torch.get_rng_state()
    make(name)(images(SPECS[0]), seeded())
    assert torch.equal(before, torch.get_rng_state())


@every_augmentation
@every_spec
def test_derivatives_of_both_orders(name: str, spec: ImageSpec) -> None:
    small = ImageSpec(spec.channels, 5)
    augmentation = make(name, small).double()
    at = images(small, 2, torch.float64).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: augmentation(x, seeded()), at)
    assert torch.autograd.gradgradcheck(lambda x: augmentation(x, seeded()).tanh(), at)


def test_colour_in_closed_form() -> None:
    image = torch.tensor([0.0, 0.3, 0.6]).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone()
    half = of(0.5)
    torch.testing.assert_close(diffaug.colour(image, half, half, half), image)
    torch.testing.assert_close(diffaug.colour(image, of(1.0), half, half), image + 0.5)
    torch.testing.assert_close(diffaug.colour(image, half, of(0.0), half), torch.full_like(image, 0.3))
    torch.testing.assert_close(diffaug.colour(image, half, half, of(1.0)), 0.3 + 1.5 * (image - 0.3))


def test_translation_moves_and_fills_with_zeros() -> None:
    image = images(ImageSpec(1, 16), 1)
    still = of(0.5)
    torch.testing.assert_close(diffaug.translate(image, still, still), image)
    up = diffaug.translate(image, of(0.0), still)
    assert torch.equal(up[:, :, :-2], image[:, :, 2:]) and not up[:, :, -2:].any()
    right = diffaug.translate(image, still, of(0.999))
    assert torch.equal(right[..., 2:], image[..., :-2]) and not right[..., :2].any()


def test_cutout_removes_half_the_size_squared_at_most() -> None:
    ones = torch.ones(3, 1, 16, 16)
    holes = 256 - diffaug.cut_out(ones, of(0.5, 0.0, 0.999), of(0.5, 0.0, 0.5)).sum((1, 2, 3))
    assert holes[0] == 64 and 0 < holes[1] <= 64 and 0 < holes[2] <= 64


def test_warps_in_closed_form() -> None:
    image = images(ImageSpec(1, 8), 1)
    torch.testing.assert_close(ada.warp(image, ada.identity(image)), image)
    quarter = ada.warp(image, ada.rotation(of(math.pi / 2)))
    torch.testing.assert_close(quarter, image.rot90(-1, (2, 3)), atol=1e-5, rtol=0)
    flipped = ada.warp(image, ada.scaling(of(-1.0), of(1.0)))
    torch.testing.assert_close(flipped, image.flip(3))
    moved = ada.warp(image, ada.translation(of(2.0), of(1.0)))
    torch.testing.assert_close(moved[..., 1:, 2:], image[..., :-1, :-2])
    torch.testing.assert_close(moved[..., 1:, 1], image[..., :-1, 1])  # mirrored at the border
    between = ada.warp(image, ada.translation(of(0.5), of(0.0)))
    torch.testing.assert_close(between[..., 1:], (image[..., 1:] + image[..., :-1]) / 2)


def test_the_inverse_is_one() -> None:
    matrix = ada.translation(of(3.0), of(-2.0)) @ ada.rotation(of(0.7)) @ ada.scaling(of(2.0), of(0.5))
    torch.testing.assert_close(ada.inverse(matrix) @ matrix, torch.eye(3)[None])


def test_grey_pixels_keep_their_grey_under_hue_and_saturation() -> None:
    grey = torch.full((8, 3, 2, 2), 0.25)
    found = ada.colour(grey, ada.Chance(grey, of(1.0)[0], seeded()))
    torch.testing.assert_close(found, found.mean(1, keepdim=True).expand_as(found))


def test_at_no_strength_nothing_happens() -> None:
    augmentation = make("ada")
    augmentation.strength.zero_()
    torch.testing.assert_close(augmentation(images(SPECS[0]), seeded()), images(SPECS[0]))


def test_the_strength_is_the_share_of_images_that_change() -> None:
    augmentation = make("ada", blit=False, geometry=False)
    augmentation.strength.fill_(0.25)
    many = torch.full((4000, 1, 1, 1), 0.5)
    changed = (augmentation(many, seeded()) != many).float().mean()
    assert changed == pytest.approx(1 - 0.75**2 * (1 - 0.125), abs=0.03)  # the sign changes in only half of the draws


@pytest.mark.parametrize(("transform", "still"), [(ada.blit, ("choice",)), (ada.geometry, ("lognormal", "uniform"))])
def test_the_two_shifts_of_an_image_happen_together(monkeypatch, transform, still) -> None:
    many = torch.zeros(4000, 1, 1, 1)
    for name in still:  # the other transformations leave the images as they are
        nothing = torch.full((4000,), float(name == "lognormal"))
        monkeypatch.setattr(ada.Chance, name, lambda *_, nothing=nothing, **__: nothing)
    shifts = transform(ada.Chance(many, of(0.25)[0], seeded()), 1000)[:, :2, 2]
    moved = shifts != 0
    assert moved.all(1).float().mean() == pytest.approx(0.25, abs=0.03)
    assert (moved.all(1) == moved.any(1)).float().mean() > 0.99  # a share of 0.0005 or less is rounded to no pixel


def test_the_strength_follows_the_sign_of_real_logits() -> None:
    augmentation = make("ada", kimg=1.0, start=0.5)
    augmentation.strength.fill_(0.5)
    augmentation.adapt(torch.ones(10))
    assert augmentation.strength == pytest.approx(0.51)
    for _ in range(200):
        augmentation.adapt(torch.ones(10))
    assert augmentation.strength == 1
    for _ in range(200):
        augmentation.adapt(-torch.ones(10))
    assert augmentation.strength == 0


class Recorder(Discriminator):
    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        self.seen = images
        return images.flatten(1).sum(1)


def test_the_discriminator_sees_augmented_images_in_training_alone() -> None:
    inner = Recorder()
    inner.image = SPECS[0]
    discriminator = Augmented(inner, make("diffaug"))
    given = images(SPECS[0])
    discriminator(given, rng=seeded())
    assert not torch.allclose(inner.seen, given)
    discriminator(given)
    assert torch.equal(inner.seen, given)


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("dcgan+wgan-gp+ada", "which has no meaning for wgan-gp"),
        ("dcgan+minimax+ada+diffaug", "name at most one"),
        ("dcgan+minimax+adda", "unknown penalty or augmentation.*did you mean ada"),
    ],
)
def test_what_cannot_be_is_refused(recipe: str, says: str) -> None:
    with pytest.raises(GanzooError, match=says):
        parse_recipe(recipe, REGISTRY)


def test_a_recipe_with_an_augmentation_reads_as_it_is_written() -> None:
    recipe = parse_recipe("dcgan+minimax+diffaug+r1", REGISTRY)
    assert str(recipe) == "dcgan+minimax+r1+diffaug" and parse_recipe(str(recipe), REGISTRY) == recipe


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="operations"):
        DiffAugParams(operations=["blur"])
    with pytest.raises(ValueError, match="kimg"):
        ADAParams(kimg=0)


def test_the_strength_survives_a_stop(registry, tiny, tmp_path) -> None:
    from rich.console import Console

    from ganzoo.config.resolve import resolve
    from ganzoo.console.display import Display
    from ganzoo.runs.checkpoint import list_checkpoints
    from ganzoo.runs.run_dir import RunDir

    def weights(directory: RunDir) -> dict[str, Tensor]:
        last = list_checkpoints(directory.checkpoints)[-1].path
        return {
            f"{name}.{key}": value
            for name in ("generator", "discriminator", "augmentation")
            for key, value in load_file(last / f"{name}.safetensors").items()
        }

    quiet = Display(Console(quiet=True))
    settings = [*tiny("dcgan", schedule="constant"), "augmentation.kimg=0.5", "augmentation.target=-1"]
    config = resolve(registry, "dcgan+minimax+ada", None, settings)
    whole = start(registry, config, quiet, out=tmp_path / "whole").directory
    half = resolve(registry, "dcgan+minimax+ada", None, [*settings, "loop.kimg=0.256"])
    start(registry, half, quiet, out=tmp_path / "half")
    config_file = tmp_path / "half" / "config.yaml"
    config_file.write_text(config_file.read_text().partition("\n")[2].replace("kimg: 0.256\n", "kimg: 0.512\n", 1))
    resumed = resume(registry, tmp_path / "half", quiet).directory
    expected, found = weights(whole), weights(resumed)
    assert 0 < expected["augmentation.strength"] <= 1
    assert all(torch.equal(expected[key], found[key]) for key in expected)
