"""The parts of stylegan-lite, compared with explicit, slower forms of the same sums."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.models.sizes import check_doubling, split_size
from ganzoo_stylegan_lite import DiscriminatorParams, GeneratorParams
from ganzoo_stylegan_lite.discriminator import StyleGANDiscriminator, minibatch_std
from ganzoo_stylegan_lite.generator import StyledConv, StyleGANGenerator, ToImage
from ganzoo_stylegan_lite.layers import Blur, EqualConv, Filter, Upsample

TINY: dict[str, Any] = {"width": 4, "width_max": 8}


def generator(size: int = 8, channels: int = 1, **params: Any) -> StyleGANGenerator:
    torch.manual_seed(0)
    return StyleGANGenerator(ImageSpec(channels, size), GeneratorParams(latent_dim=6, w_dim=10, **TINY, **params))


def discriminator(size: int = 8, channels: int = 1, needs: Needs | None = None, **params: Any) -> StyleGANDiscriminator:
    torch.manual_seed(1)
    return StyleGANDiscriminator(ImageSpec(channels, size), DiscriminatorParams(**TINY, **params), needs or Needs())


def with_noise(network: StyleGANGenerator) -> StyleGANGenerator:
    for module in network.modules():
        if isinstance(module, StyledConv):
            torch.nn.init.constant_(module.noise_strength, 0.5)
    return network


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32, 40, 64])
def test_shapes(size: int, channels: int) -> None:
    images = generator(size, channels)(normal(4, 6), rng=seeded())
    assert images.shape == (4, channels, size, size)
    assert discriminator(size, channels)(images).shape == (4,)


def test_sizes() -> None:
    assert [split_size(size) for size in (8, 28, 32, 40, 48, 64)] == [(4, 1), (7, 2), (4, 3), (5, 3), (6, 3), (4, 4)]
    for size in (4, 7, 9, 30, 36, 0):
        with pytest.raises(ValueError, match=f"size {size} is not 4, 5, 6 or 7 doubled"):
            check_doubling(ImageSpec(3, size))


def per_sample_convolution(layer: StyledConv, x: Tensor, w: Tensor) -> Tensor:
    """Compute Karras et al. 2020, eq. 1 and 3, as printed: one weight for each sample, as a grouped convolution."""
    n, inputs, height, _ = x.shape
    outputs = len(layer.weight)
    modulated = layer.weight[None] * layer.scale * layer.style(w)[:, None, :, None, None]
    modulated = modulated / (modulated.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    stacked = x.reshape(1, n * inputs, height, height)
    if layer.blur is None:
        y = F.conv2d(stacked, modulated.flatten(0, 1), padding=1, groups=n)
    else:
        weight = modulated.transpose(1, 2).flatten(0, 1)
        y = F.conv_transpose2d(stacked, weight, stride=2, groups=n)
    y = y.view(n, outputs, *y.shape[2:])
    return math.sqrt(2) * (y if layer.blur is None else layer.blur(y, padding=1))


@pytest.mark.parametrize("up", [False, True])
def test_scaling_activations_equals_modulating_weights(up: bool) -> None:
    torch.manual_seed(0)
    layer = StyledConv(5, 7, 10, up=up)
    x, w = normal(3, 5, 6, 6), normal(3, 10, seed=1)
    torch.testing.assert_close(layer.convolve(x, w), per_sample_convolution(layer, x, w), rtol=1e-4, atol=1e-5)


def test_demodulation_keeps_the_deviation_whatever_the_style() -> None:
    """Inputs of deviation 1 leave with deviation sqrt(2), the ReLU's gain, for small and for large styles."""
    torch.manual_seed(0)
    layer = StyledConv(32, 32, 10)
    x, w = normal(8, 32, 16, 16), normal(8, 10, seed=1)
    for scale in (1.0, 1000.0):
        inner = layer.convolve(x, w * scale)[..., 1:-1, 1:-1]
        assert inner.std().item() == pytest.approx(math.sqrt(2), rel=0.05)


def test_upsampling_keeps_constants_up_to_the_border() -> None:
    image = torch.tensor([-1.0, 0.25, 1.0]).view(1, 3, 1, 1).expand(2, 3, 7, 7)
    torch.testing.assert_close(Upsample(3, 7)(image), image[..., :1, :1].expand(2, 3, 14, 14))


def test_upsampling_is_linear_interpolation() -> None:
    """The filter [1, 3, 3, 1] on doubled images is bilinear interpolation with repeated edges."""
    image = normal(2, 3, 5, 5)
    expected = F.interpolate(image, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(Upsample(3, 5)(image), expected)


# stride, padding, transposed; with an odd size, a stride of 2 leaves one pixel unread
FILTERS = pytest.mark.parametrize("options", [(1, 1, False), (1, 2, False), (2, 1, False), (2, 1, True)])


@FILTERS
@pytest.mark.parametrize("size", [6, 7])
def test_the_filter_and_its_gradient_have_the_gradients_of_finite_differences(
    options: tuple[int, int, bool], size: int
) -> None:
    x, kernel = normal(2, 3, size, size).double().requires_grad_(True), Blur(3).double().kernel

    def run(x: Tensor) -> Tensor:
        return Filter.apply(x, kernel, *options)

    assert torch.autograd.gradcheck(run, x)
    assert torch.autograd.gradgradcheck(run, x)


@FILTERS
@pytest.mark.parametrize("bf16", [False, True])
def test_the_filter_has_the_gradients_of_a_convolution_to_the_bit(options: tuple[int, int, bool], bf16: bool) -> None:
    stride, padding, transposed = options
    blur = Blur(16)

    def gradients(training: bool) -> list[Tensor]:
        x = normal(4, 16, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = blur.train(training)(x, padding, stride, transposed)
            (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        return [y, first, second]

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        assert found.dtype == expected.dtype and torch.equal(found, expected)


@pytest.mark.parametrize("kernel", [1, 3])
def test_downsampling_keeps_constants_and_removes_stripes(kernel: int) -> None:
    layer = EqualConv(1, 1, kernel, bias=False, down=True)
    torch.nn.init.ones_(layer.weight)
    inner = slice(1, -1)
    constant = layer(torch.ones(1, 1, 8, 8))[..., inner, inner]
    torch.testing.assert_close(constant, torch.full_like(constant, kernel**2 * layer.scale))
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    assert layer(stripes)[..., inner, inner].abs().max() < 1e-6


def test_minibatch_std_by_hand() -> None:
    """8 samples form two groups of 4: one of equal samples, and one of +1, -1, +1, -1."""
    x = torch.zeros(8, 2, 3, 3)
    x[1::2] = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(4, 1, 1, 1)
    channel = minibatch_std(x)[:, 2]
    torch.testing.assert_close(channel[1::2], torch.ones(4, 3, 3))
    torch.testing.assert_close(channel[::2], torch.full((4, 3, 3), 1e-4))
    assert minibatch_std(x[:7]).shape == (7, 3, 3, 3) and minibatch_std(x[:1]).shape == (1, 3, 3, 3)


def test_style_mixing_only_in_training_mode() -> None:
    network, latents = generator(mixing=1.0), normal(16, 6)
    network.train()
    assert not torch.allclose(network(latents, rng=seeded(0)), network(latents, rng=seeded(1)))
    network.eval()  # the noise has strength 0 at first, so nothing else can differ
    torch.testing.assert_close(network(latents, rng=seeded(0)), network(latents, rng=seeded(1)), rtol=0, atol=0)


def test_style_mixing_keeps_the_first_layer_and_swaps_the_last() -> None:
    network, latents = generator(size=32, mixing=1.0), normal(64, 6)
    w = network.map(latents)
    styles = network.train()._for_each_layer(w, latents, None, seeded(5))
    swapped = torch.stack([(style != w).any(1) for style in styles])
    assert len(styles) == 7 and not swapped[0].any() and swapped[-1].all()
    assert (swapped[1:] >= swapped[:-1]).all(), "a sample that crossed over does not cross back"
    assert {int(count) for count in swapped.sum(0)} == {1, 2, 3, 4, 5, 6}


def test_mixing_share() -> None:
    network, latents = generator(mixing=0.25), normal(2000, 6)
    w = network.map(latents)
    share = (network.train()._for_each_layer(w, latents, None, seeded(5))[-1] != w).any(1).float().mean().item()
    assert share == pytest.approx(0.25, abs=0.05)


def test_noise_follows_rng_and_is_absent_without() -> None:
    network, latents = with_noise(generator()).eval(), normal(4, 6)
    first = network(latents, rng=seeded(0))
    assert torch.equal(first, network(latents, rng=seeded(0)))
    assert not torch.allclose(first, network(latents, rng=seeded(1)))
    assert torch.equal(network(latents), network(latents))
    assert torch.equal(network(latents), generator().eval()(latents)), "strength without noise changes nothing"


def test_truncation_pulls_to_the_mean() -> None:
    network, latents = generator().eval(), normal(4, 6)
    network.w_avg.normal_(generator=seeded(3))
    full, half, none = (network(latents, truncation=t) for t in (1.0, 0.5, 0.0))
    assert torch.allclose(none, none[:1].expand_as(none), atol=1e-6)
    assert torch.equal(full, network(latents))
    assert (half - none).norm() < (full - none).norm()


def test_mean_of_w_moves_in_training_mode_only() -> None:
    network, latents = generator(), normal(8, 6)
    network.eval()(latents)
    assert not network.w_avg.any()
    network.train()(latents)
    torch.testing.assert_close(network.w_avg, 0.005 * network.map(latents).mean(0))
    assert not network.w_avg.requires_grad


def test_evaluated_images_are_in_range_and_training_is_not_cut_off() -> None:
    network, latents = generator(), normal(8, 6)
    torch.nn.init.constant_(network.first_picture.bias, 3.0)
    assert network.train()(latents).max() > 1
    assert network.eval()(latents).max() == 1


def test_per_sample_decides_on_minibatch_std() -> None:
    assert discriminator().mixes_samples and not discriminator(needs=Needs(per_sample=True)).mixes_samples
    assert not discriminator(minibatch_std=False).mixes_samples
    with pytest.raises(ValueError, match=r"discriminator\.minibatch_std=true mixes"):
        discriminator(needs=Needs(per_sample=True), minibatch_std=True)


@pytest.mark.parametrize("per_sample", [True, False])
def test_a_logit_depends_on_other_samples_only_with_minibatch_std(per_sample: bool) -> None:
    network = discriminator(needs=Needs(per_sample=per_sample))
    images = normal(4, 1, 8, 8)
    others = torch.cat([images[:1], normal(3, 1, 8, 8, seed=9) * 3])
    assert torch.allclose(network(images)[0], network(others)[0], atol=1e-6) is per_sample


def test_double_backward_through_minibatch_std() -> None:
    network = discriminator()
    images = normal(4, 1, 8, 8).requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert network.from_picture.weight.grad is not None
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("bf16", [False, True])
def test_forward_mode_and_torch_func_find_the_same_derivatives(bf16: bool) -> None:
    """Forward mode and torch.func do not support autograd functions with a gradient of their own."""
    network, images, direction = discriminator(minibatch_std=False), normal(4, 1, 8, 8), normal(4, 1, 8, 8, seed=1)
    tolerance = {"rtol": 0.05, "atol": 0.05} if bf16 else {}

    def logits(images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return network(images).sum().float()

    at = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(logits(at), at)
    torch.testing.assert_close(torch.func.grad(logits)(images), gradient, **tolerance)
    with forward_ad.dual_level():
        slope = forward_ad.unpack_dual(logits(forward_ad.make_dual(images, direction))).tangent
    torch.testing.assert_close(slope, (gradient * direction).sum(), **tolerance)


def test_channels_last_gives_the_same_images_and_logits() -> None:
    latents = normal(4, 6)
    images = generator(channels=3)(latents)
    torch.testing.assert_close(generator(channels=3).to(memory_format=torch.channels_last)(latents), images)
    moved = discriminator(channels=3).to(memory_format=torch.channels_last)
    logits = moved(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, discriminator(channels=3)(images))


def test_bf16_autocast_stays_close_to_float32() -> None:
    network, latents = generator().eval(), normal(4, 6)
    critic = discriminator()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images = network(latents, rng=seeded())
        logits = critic(network(latents))
        assert network.map(latents).dtype == torch.float32
    torch.testing.assert_close(images.float(), network(latents, rng=seeded()), rtol=0.1, atol=0.1)
    torch.testing.assert_close(logits.float(), critic(network(latents)), rtol=0.1, atol=0.1)


def test_activations_keep_their_scale_at_the_start() -> None:
    """With the default parameters, neither network's signal explodes or dies before training."""
    torch.manual_seed(0)
    images = StyleGANGenerator(ImageSpec(3, 64), GeneratorParams())(normal(16, 64))
    assert 0.3 < images.std().item() < 4
    critic = StyleGANDiscriminator(ImageSpec(3, 64), DiscriminatorParams(), Needs())
    smooth = F.interpolate(normal(16, 3, 4, 4), size=64, mode="bilinear")
    assert 0.05 < critic(smooth).std().item() < 4


def test_to_image_by_hand() -> None:
    torch.manual_seed(0)
    layer = ToImage(2, 1, 3)
    x, w = normal(1, 2, 1, 1), normal(1, 3, seed=1)
    style = layer.style(w)[0]
    expected = (layer.weight.flatten() * style * x.flatten()).sum() / math.sqrt(2)
    torch.testing.assert_close(layer(x, w).squeeze(), expected)


@pytest.mark.parametrize(
    ("params", "bad"),
    [
        (GeneratorParams, {"width": 0}),
        (GeneratorParams, {"latent_dim": 0}),
        (GeneratorParams, {"mapping_layers": 0}),
        (GeneratorParams, {"mixing": 1.5}),
        (DiscriminatorParams, {"width_max": 0}),
    ],
)
def test_bounds_of_the_parameters(params: type, bad: dict[str, float]) -> None:
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name} is {value}, must be"):
        params(**bad)
