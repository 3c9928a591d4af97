"""Tests of the frozen pyramid, its mixing and the small discriminators, also in training."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.config.schema import OptimizerConfig
from ganzoo.entries import ImageSpec, Needs
from ganzoo.training.optim import make_optimizer
from ganzoo_projected import DiscriminatorParams, pyramid
from ganzoo_projected.discriminator import Mixing, ProjectedDiscriminator
from ganzoo_projected.pyramid import Pyramid

IMAGES = [ImageSpec(1, 28), ImageSpec(3, 32), ImageSpec(3, 96)]
TINY = {"backbone": "test_resnet", "pretrained": False, "width": 8}


def make(image: ImageSpec = IMAGES[0], seed: int = 0, **params: Any) -> ProjectedDiscriminator:
    torch.manual_seed(seed)
    return ProjectedDiscriminator(image, DiscriminatorParams(**{**TINY, **params}), Needs(per_sample=True))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Echo(nn.Module):
    """A backbone that returns its input, and its input at half the size, as features, in either layout."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.layout = layout
        self.pretrained_cfg = {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 1.0)}
        self.feature_info = SimpleNamespace(channels=lambda: [3, 3])

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [x, F.avg_pool2d(x, 2)]
        return features if self.layout == "NCHW" else [f.permute(0, 2, 3, 1) for f in features]


@pytest.fixture(params=["NCHW", "NHWC"])
def echo(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pyramid]:
    monkeypatch.setattr(pyramid, "_load", lambda name, size, pretrained: Echo(request.param))
    yield Pyramid("echo", 8, pretrained=True)


def test_the_backbone_is_shown_what_it_was_trained_on_in_either_layout(echo: Pyramid) -> None:
    images = normal(2, 1, 8, 8).clamp(-1, 1)
    mean, std = (torch.tensor(echo.backbone.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = ((images + 1) / 2 - mean) / std
    fine, coarse = echo(images)
    torch.testing.assert_close(fine, expected * echo.gains[0])
    torch.testing.assert_close(coarse, F.avg_pool2d(expected, 2) * echo.gains[1])
    assert echo.sizes == [8, 4]
    assert echo.gains.tolist() == pytest.approx([1.0, 2.0], rel=0.1)  # the mean of four has half the deviation


def test_images_of_another_size_are_resized(echo: Pyramid) -> None:
    small = normal(2, 3, 4, 4)
    enlarged = F.interpolate(small, (8, 8), mode="bilinear")
    torch.testing.assert_close(echo(small), echo(enlarged))


@pytest.mark.parametrize("image", IMAGES, ids=lambda p: f"{p.channels}x{p.size}")
def test_shapes(image: ImageSpec) -> None:
    discriminator = make(image)
    assert discriminator.pyramid.size == max(64, image.size)
    images = normal(3, image.channels, image.size, image.size)
    assert discriminator(images).shape == (3,)
    assert discriminator(images[:1]).shape == (1,)


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_convnext", "test_vit"])
def test_other_kinds_of_backbones(backbone: str) -> None:
    size = 160 if backbone == "test_vit" else 64
    discriminator = make(backbone=backbone, size=size)
    assert len(discriminator.heads) == (4 if backbone == "test_efficientnet" else 3)
    assert discriminator(normal(2, 1, 28, 28)).isfinite().all()


def test_the_logit_is_the_sum_of_the_discriminators() -> None:
    discriminator = make().eval()
    images = normal(2, 1, 28, 28)
    mixed = discriminator.mixing(discriminator.pyramid(images))
    places = [head.body(x) for head, x in zip(discriminator.heads, mixed, strict=True)]  # type: ignore[operator]
    assert [tuple(p.shape[1:]) for p in places] == 4 * [(1, 4, 4)]
    torch.testing.assert_close(discriminator(images), sum(p.mean((1, 2, 3)) for p in places))


def test_a_logit_depends_on_its_own_image_alone() -> None:
    discriminator = make().train()
    assert not discriminator.mixes_samples
    images = normal(3, 1, 28, 28)
    others = torch.cat([images[:1], 3 * images[1:]])
    first, second = (deepcopy(discriminator)(batch)[0] for batch in (images, others))
    torch.testing.assert_close(first, second)


def test_batch_norm_where_it_is_allowed() -> None:
    def norms(**params: Any) -> int:
        torch.manual_seed(0)
        made = ProjectedDiscriminator(IMAGES[0], DiscriminatorParams(**{**TINY, **params}), Needs())
        found = sum(isinstance(module, nn.BatchNorm2d) for module in made.heads.modules())
        assert made.mixes_samples == bool(found)
        return found

    assert norms() == 3 + 2 + 1 + 1  # from sizes 32, 16, 8 and 4 to 4: a layer for each halving, at least one
    assert norms(norm="none") == 0
    with pytest.raises(ValueError, match="norm=batch mixes the samples of a batch"):
        make(norm="batch")
    with pytest.raises(ValueError, match="norm is 'layer', must be one of auto, batch, none"):
        DiscriminatorParams(norm="layer")


def test_levels_that_are_too_coarse_are_left_out_so_that_finer_ones_are_seen() -> None:
    def sizes(size: int, smallest: int) -> list[int]:
        torch.manual_seed(0)
        return Pyramid("test_resnet", size, pretrained=False, smallest=smallest).sizes

    assert sizes(64, smallest=4) == [32, 16, 8, 4]
    assert sizes(64, smallest=1) == sizes(64, smallest=2) == [16, 8, 4, 2]
    assert sizes(128, smallest=4) == [32, 16, 8, 4]
    assert sizes(32, smallest=4) == [16, 8, 4]
    with pytest.raises(ValueError, match="too few positions at 32 pixels"):
        sizes(32, smallest=17)


def test_mixing_is_a_convolution_across_channels_and_one_across_scales() -> None:
    torch.manual_seed(0)
    mixing = Mixing([2, 3])
    fine, coarse = normal(1, 2, 4, 4), normal(1, 3, 2, 2, seed=1)
    weights = dict(mixing.named_buffers())
    expected_coarse = F.conv2d(coarse, weights["channels.1.weight"])
    down = F.conv2d(expected_coarse, weights["scales.0.weight"], padding=1)
    expected_fine = F.conv2d(fine, weights["channels.0.weight"]) + F.interpolate(down, (4, 4), mode="bilinear")
    torch.testing.assert_close(mixing([fine, coarse]), [expected_fine, expected_coarse])


def test_mixing_keeps_the_variance() -> None:
    torch.manual_seed(0)
    fine, coarse = Mixing([64, 128])([normal(8, 64, 8, 8), normal(8, 128, 8, 8)])
    assert coarse.var().item() == pytest.approx(1.0, rel=0.1)
    assert fine.var().item() == pytest.approx(2.0, rel=0.15)


def test_every_discriminator_sees_all_levels_that_are_coarser() -> None:
    mixing = make().mixing
    features = [normal(1, c, s, s).requires_grad_() for c, s in zip([32, 32, 48, 192], [32, 16, 8, 4], strict=True)]
    gradients = torch.autograd.grad(mixing(features)[0].sum(), features)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_only_the_discriminators_are_trained() -> None:
    discriminator = make()
    assert {name.partition(".")[0] for name, _ in discriminator.named_parameters()} == {"heads"}
    frozen = {name: value.clone() for name, value in _frozen(discriminator).items()}
    assert len(frozen) > 50
    optimizer = make_optimizer(discriminator, OptimizerConfig(lr=0.1, betas=[0.0, 0.99], weight_decay=0.1))
    discriminator.train().requires_grad_(True)  # as each step does
    before = [parameter.detach().clone() for parameter in discriminator.parameters()]
    F.softplus(discriminator(normal(4, 1, 28, 28))).mean().backward()
    optimizer.step()
    assert all(torch.equal(value, frozen[name]) for name, value in _frozen(discriminator).items())
    assert not any(torch.equal(old, new) for old, new in zip(before, discriminator.parameters(), strict=True))


def test_every_parameter_gets_a_gradient_and_so_do_the_images() -> None:
    discriminator = make()
    images = normal(4, 1, 28, 28).requires_grad_()
    F.softplus(-discriminator(images)).mean().backward()
    for name, value in [("images", images), *discriminator.named_parameters()]:
        assert value.grad is not None and value.grad.isfinite().all() and value.grad.abs().max() > 0, name


def test_a_gradients_gradient_reaches_every_weight() -> None:
    discriminator = make()
    images = normal(3, 1, 28, 28).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in discriminator.named_parameters():
        if "weight" in name:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_batch_statistics_are_neither_used_nor_moved() -> None:
    discriminator = make().train()
    assert not any(module.training for module in discriminator.pyramid.modules())
    assert discriminator.heads.training


def test_a_random_backbone_is_kept_in_checkpoints() -> None:
    one, other = make(seed=0).eval(), make(seed=1).eval()
    images = normal(2, 1, 28, 28)
    assert not torch.allclose(one(images), other(images))
    other.load_state_dict(load(save(one.state_dict())))
    assert torch.equal(one(images), other(images))


def test_a_pretrained_backbone_is_not_but_its_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pyramid._load
    monkeypatch.setattr(pyramid, "_load", lambda name, size, pretrained: real(name, size, False))
    one, same, other = (make(seed=seed, pretrained=True) for seed in (0, 0, 1))
    state = load(save(one.state_dict()))
    assert not any("backbone" in name for name in state)
    assert any("running_mean" in name for name, _ in one.named_buffers())
    same.load_state_dict(state)
    with pytest.raises(RuntimeError, match="test_resnet are not those it was trained with"):
        other.load_state_dict(state)


def test_bf16_autocast() -> None:
    discriminator = make()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = discriminator(normal(2, 1, 28, 28))
    F.softplus(-logits.float()).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.parameters())


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"backbone": "resnet81"}, "timm has no 'resnet81'; did you mean resnet"),
        ({"backbone": "resnet18.nonsense", "pretrained": True}, "resnet18.nonsense cannot be loaded: .*nonsense"),
        ({"backbone": "test_vit", "size": 100}, "test_vit cannot"),
    ],
)
def test_a_backbone_that_cannot_be_had_says_why(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        make(**params)
    assert "\n" not in str(caught.value)


def _frozen(discriminator: ProjectedDiscriminator) -> dict[str, Tensor]:
    """Return the fixed buffers, without those of the heads, which are spectral normalisation's estimates."""
    return {name: value for name, value in discriminator.named_buffers() if not name.startswith("heads.")}
