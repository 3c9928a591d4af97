"""Tests of the installed plugin: registration, generator, recipes, marks."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

import ganzoo_projected
from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry
from ganzoo.training.stats import Statistics
from ganzoo.training.step import TrainingStep
from ganzoo_projected import DiscriminatorParams, GeneratorParams
from ganzoo_projected.generator import Excitation, FastGANGenerator

TINY = ["discriminator.backbone=test_resnet", "discriminator.pretrained=false", "discriminator.width=8"]


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return a registry that has this plugin, even if it is not installed."""
    found = Registry.load(strict=True)
    if "projected" not in found.entries["architecture"]:
        found.add(lambda: ganzoo_projected, "projected", "ganzoo-projected", "0")
    return found


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("image", [ImageSpec(1, 28), ImageSpec(3, 64)], ids=lambda p: f"{p.channels}x{p.size}")
def test_the_generators_shapes_range_and_gradients(image: ImageSpec) -> None:
    torch.manual_seed(0)
    generator = FastGANGenerator(image, GeneratorParams(latent_dim=6, width=4, width_max=8))
    images = generator(normal(4, 6))
    assert images.shape == (4, image.channels, image.size, image.size) and images.abs().max() <= 1
    images.square().mean().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_excitation_weighs_each_channel_by_itself() -> None:
    excite = Excitation(3, 2, base=4)
    small, large = normal(2, 3, 4, 4), normal(2, 2, 16, 16)
    weights = excite.gate(small)
    assert weights.shape == (2, 2, 1, 1) and weights.min() > 0 and weights.max() < 1
    torch.testing.assert_close(excite(small, large), large * weights)


@pytest.mark.parametrize("recipe", ["projected+hinge", "dcgan/projected+hinge+r1", "projected/dcgan+minimax"])
def test_a_few_steps(registry: Registry, recipe: str) -> None:
    settings = ["generator.width=4", *(["discriminator.width=4"] if "/dcgan" in recipe else TINY)]
    config = resolve(registry, recipe, None, settings)
    model = build_model(config, ImageSpec(1, 28))
    statistics = Statistics("cpu", zero_is_border=True)
    step = TrainingStep(
        generator=model.generator, discriminator=model.discriminator, loss=model.loss, generator_needs_real=False,
        optimizer_g=torch.optim.Adam(model.generator.parameters(), 1e-3),
        optimizer_d=torch.optim.Adam(model.discriminator.parameters(), 1e-3),
        rng=torch.Generator().manual_seed(0), statistics=statistics, clip_grad=1.0,
    )  # fmt: skip
    for _ in range(3):
        step.update_discriminator(normal(4, 1, 28, 28).clamp(-1, 1), None, model.penalties)
        step.update_generator(normal(4, 1, 28, 28).clamp(-1, 1), None, [])
    means, not_finite = statistics.read()
    assert not not_finite and means["gradient_generator"] > 0 and means["gradient_discriminator"] > 0


def test_imagenet_features_are_marked_where_they_are_used(registry: Registry) -> None:
    mark = ("ImageNet features (tf_efficientnet_lite0)",)
    assert resolve(registry, "dcgan/projected+hinge").marks == mark
    assert resolve(registry, "projected+hinge").marks == mark
    assert resolve(registry, "projected/dcgan+hinge").marks == ()  # only its generator
    assert resolve(registry, "dcgan/projected+hinge", None, ["discriminator.pretrained=false"]).marks == ()


def test_bad_settings_are_one_line(registry: Registry) -> None:
    with pytest.raises(GanzooError, match=r"discriminator\.size is 8, must be 32 or more"):
        resolve(registry, "dcgan/projected+hinge", None, ["discriminator.size=8"])
    config = resolve(registry, "dcgan/projected+hinge", None, ["discriminator.backbone=resnet81"])
    with pytest.raises(GanzooError, match=r"dcgan/projected\+hinge: discriminator.backbone: timm has no 'resnet81'"):
        build_model(config, ImageSpec(1, 28))
    assert DiscriminatorParams().pretrained


def test_loading_the_plugin_imports_neither_torch_nor_timm() -> None:
    code = "import sys, ganzoo_projected; assert not {'torch', 'timm'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
