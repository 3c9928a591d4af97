"""Tests of the networks against closed forms, and of the recipe in an installed plugin."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ganzoo_r3gan
from ganzoo.config.resolve import resolve
from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry
from ganzoo.training.stats import Statistics
from ganzoo.training.step import TrainingStep
from ganzoo_r3gan import DiscriminatorParams, GeneratorParams
from ganzoo_r3gan.networks import GAIN, Down, R3GANDiscriminator, R3GANGenerator, ResidualBlock, Up

IMAGES = [ImageSpec(1, 28), ImageSpec(3, 32), ImageSpec(3, 64)]
SMALL = ["generator.width=4", "generator.width_max=8", "discriminator.width=4", "discriminator.width_max=8"]

every_image = pytest.mark.parametrize("image", IMAGES, ids=lambda p: f"{p.channels}x{p.size}")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return a registry that has this plugin, even if it is not installed."""
    found = Registry.load(strict=True)
    if "r3gan" not in found.entries["architecture"]:
        found.add(lambda: ganzoo_r3gan, "r3gan", "ganzoo-r3gan", "0")
    return found


def pair(image: ImageSpec, seed: int = 0) -> tuple[R3GANGenerator, R3GANDiscriminator]:
    torch.manual_seed(seed)
    generator = R3GANGenerator(image, GeneratorParams(width=4, width_max=8, blocks=2, latent_dim=6))
    needs = Needs(per_sample=True)
    return generator, R3GANDiscriminator(image, DiscriminatorParams(width=4, width_max=8, blocks=2), needs)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def one_step(network: nn.Module, loss: Tensor) -> None:
    """Take a step of plain gradient descent."""
    loss.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.1 * parameter.grad)
            parameter.grad = None


@every_image
def test_shapes_and_range(image: ImageSpec) -> None:
    generator, discriminator = pair(image)
    images = generator(normal(3, 6))
    assert images.shape == (3, image.channels, image.size, image.size)
    assert images.std() > 0.1
    assert generator.eval()(5 * normal(3, 6)).abs().max() <= 1
    assert discriminator(images).shape == (3,)
    assert discriminator(images[:1]).shape == (1,)


@pytest.mark.parametrize("size", [9, 30, 36])
def test_sizes_that_do_not_double_are_refused(registry: Registry, size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        registry.get(ArchitectureEntry, "r3gan").check_image(ImageSpec(1, size))


@every_image
def test_a_logit_depends_on_its_own_image_alone(image: ImageSpec) -> None:
    discriminator = pair(image)[1]
    assert not discriminator.mixes_samples
    one_step(discriminator, discriminator(normal(2, image.channels, image.size, image.size)).sum())
    images = normal(3, image.channels, image.size, image.size)
    others = torch.cat([images[:1], 3 * images[1:]])
    torch.testing.assert_close(discriminator(images)[0], discriminator(others)[0])
    torch.testing.assert_close(discriminator(images)[0], discriminator(images[:1])[0])


def test_residual_branches_add_nothing_at_first() -> None:
    block = ResidualBlock(6, GeneratorParams(), total=3)
    x = normal(2, 6, 5, 5)
    assert torch.equal(block(x), x)
    with torch.no_grad():
        block.narrow.weight.fill_(1.0)
    assert not torch.allclose(block(x), x)


def test_the_discriminator_starts_as_what_lies_between_its_blocks() -> None:
    discriminator = pair(ImageSpec(1, 28))[1]
    first, *rest = [layer for layer in discriminator.body if not isinstance(layer, ResidualBlock)]
    images = normal(2, 1, 28, 28)
    x = first(images)
    for layer in rest:
        assert isinstance(layer, Down)
        x = F.interpolate(layer.change(x), scale_factor=0.5, mode="bilinear")
    assert x.shape == (2, 8, 7, 7)
    weighed = torch.einsum("nchw,cxhw->nc", x, discriminator.weigh.weight)
    expected = weighed @ discriminator.logit.weight.squeeze(0)
    torch.testing.assert_close(discriminator(images), expected)


def test_the_generator_starts_as_what_lies_between_its_blocks() -> None:
    generator = pair(ImageSpec(3, 32))[0]
    latents = normal(2, 6)
    x = torch.einsum("chw,cz,nz->nchw", generator.basis, generator.weigh.weight, latents)
    for layer in generator.body:
        if isinstance(layer, Up):
            x = layer.change(F.interpolate(x, scale_factor=2.0, mode="bilinear"))
    torch.testing.assert_close(generator(latents), generator.to_pixels(x))


def test_the_other_layers_of_a_branch_start_smaller_by_the_fourth_root_of_the_number_of_blocks() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(64, GeneratorParams(group=16), total=81)
    assert block.mix.weight.shape == (128, 16, 3, 3)
    assert block.widen.weight.std().item() == pytest.approx(GAIN / math.sqrt(64) / 3, rel=0.03)
    assert block.mix.weight.std().item() == pytest.approx(GAIN / math.sqrt(16 * 9) / 3, rel=0.03)
    assert pytest.approx(nn.init.calculate_gain("leaky_relu", 0.2)) == GAIN


def test_blocks_at_all_sizes_are_counted() -> None:
    generator, discriminator = pair(ImageSpec(1, 28))
    for network in (generator, discriminator):
        assert sum(isinstance(layer, ResidualBlock) for layer in network.body) == 3 * 2


@pytest.mark.parametrize(("channels", "group", "groups"), [(8, 16, 1), (12, 16, 3), (16, 16, 2), (3, 4, 3)])
def test_groups_divide_the_channels(channels: int, group: int, groups: int) -> None:
    block = ResidualBlock(channels, GeneratorParams(group=group), total=1)
    assert block.mix.groups == groups
    x = normal(1, 2 * channels, 4, 4)
    changed = x.clone()
    changed[:, -1] += 1
    untouched = 2 * channels // groups * (groups - 1)
    assert torch.equal(block.mix(x)[:, :untouched], block.mix(changed)[:, :untouched])
    assert not torch.allclose(block.mix(x), block.mix(changed))


def test_every_parameter_gets_a_gradient_from_the_second_step_on() -> None:
    image = ImageSpec(3, 32)
    generator, discriminator = pair(image)
    latents = normal(4, 6)
    for network in (generator, discriminator):
        one_step(network, F.softplus(-discriminator(generator(latents))).mean())
        generator.zero_grad(set_to_none=True)
        discriminator.zero_grad(set_to_none=True)
    F.softplus(-discriminator(generator(latents))).mean().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_a_gradients_gradient_reaches_every_weight() -> None:
    discriminator = pair(ImageSpec(1, 28))[1]
    one_step(discriminator, F.softplus(discriminator(normal(4, 1, 28, 28))).mean())
    images = normal(3, 1, 28, 28).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in discriminator.named_parameters():
        if name.endswith("weight"):
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_bf16_autocast() -> None:
    generator, discriminator = pair(ImageSpec(3, 32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.softplus(-discriminator(generator(normal(2, 6))).float()).mean()
    loss.backward()
    for network in (generator, discriminator):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_papers_recipe_has_its_own_defaults(registry: Registry) -> None:
    values = resolve(registry, "r3gan+relativistic+r1+r2").values
    assert values.optimizer.discriminator.betas == values.optimizer.generator.betas == [0.0, 0.99]
    assert values.penalties.r1.weight == values.penalties.r2.weight == 0.3
    # Settings tuned for one loss do not apply to another.
    assert resolve(registry, "r3gan+non-saturating+r1").values.penalties.r1.weight != 0.3


@pytest.mark.parametrize(
    ("setting", "says"), [("generator.group=0", "generator.group is 0"), ("discriminator.blocks=0", "blocks is 0")]
)
def test_bad_parameters_are_named(registry: Registry, setting: str, says: str) -> None:
    with pytest.raises(GanzooError, match=says):
        resolve(registry, "r3gan+hinge", None, [setting])


def test_a_few_steps_of_the_recipe(registry: Registry) -> None:
    """Both penalties are above 0, both networks change, and all values are finite."""
    config = resolve(registry, "r3gan+relativistic+r1+r2", None, SMALL)
    image = ImageSpec(1, 28)
    model = build_model(config, image)
    statistics = Statistics("cpu", zero_is_border=False)
    step = TrainingStep(
        generator=model.generator, discriminator=model.discriminator, loss=model.loss, generator_needs_real=True,
        optimizer_g=torch.optim.Adam(model.generator.parameters(), 1e-3),
        optimizer_d=torch.optim.Adam(model.discriminator.parameters(), 1e-3),
        rng=torch.Generator().manual_seed(0), statistics=statistics,
    )  # fmt: skip
    before = [p.detach().clone() for p in (*model.generator.parameters(), *model.discriminator.parameters())]
    real = normal(8, 1, 28, 28).clamp(-1, 1)
    for _ in range(3):
        step.update_discriminator(real, None, model.penalties)
        step.update_generator(real, None, [])
    means, not_finite = statistics.read()
    assert not not_finite and means["penalty_r1"] > 0 and means["penalty_r2"] > 0
    after = [*model.generator.parameters(), *model.discriminator.parameters()]
    # Only the last bias stays the same: a relativistic loss depends on differences of logits.
    still = sum(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert still == 1


def test_loading_the_plugin_does_not_import_torch() -> None:
    code = "import sys, ganzoo_r3gan; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
