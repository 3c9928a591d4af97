"""`dcgan`: the discriminator's normalisation and initial weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec, Needs
from ganzoo.models.spectral import spectral_weight
from ganzoo_dcgan import DiscriminatorParams
from ganzoo_dcgan.networks import DCGANDiscriminator


def norm_of(discriminator: nn.Module) -> str:
    """Return the kinds of normalisation in a discriminator, joined by "+"."""
    modules = list(discriminator.modules())
    found = {
        "batch": any(isinstance(module, nn.BatchNorm2d) for module in modules),
        "layer": any(isinstance(module, nn.GroupNorm) for module in modules),
        "spectral": any(spectral_weight(module) is not None for module in modules),
    }
    return "+".join(name for name, is_there in found.items() if is_there) or "none"


@pytest.mark.parametrize(
    ("norm", "channels", "per_sample", "expected"),
    [
        ("auto", 1, False, "batch"),
        ("auto", 3, True, "none"),
        ("by-channels", 1, False, "spectral"),
        ("by-channels", 1, True, "spectral"),
        ("by-channels", 3, False, "batch"),
        ("by-channels", 3, True, "spectral"),
        ("layer", 3, True, "layer"),
    ],
)
def test_the_norm_follows_the_images_and_what_the_loss_allows(norm, channels, per_sample, expected):
    params = DiscriminatorParams(width=8, refine=4, norm=norm)
    discriminator = DCGANDiscriminator(ImageSpec(size=16, channels=channels), params, Needs(per_sample=per_sample))
    assert norm_of(discriminator) == expected
    assert discriminator.mixes_samples == (expected == "batch")


@pytest.mark.parametrize(("loss", "norm"), [("non-saturating", "by-channels"), ("wgan-gp", "auto")])
def test_losses_that_allow_it_choose_the_norm_by_channels(registry, loss, norm):
    assert resolve(registry, f"dcgan+{loss}", None, []).values.discriminator.norm == norm


def test_he_weights_keep_the_deviation_of_images_without_a_norm():
    spread = {}
    for init in ("normal", "he"):
        torch.manual_seed(0)
        params = DiscriminatorParams(norm="none", init=init)
        discriminator = DCGANDiscriminator(ImageSpec(size=32, channels=3), params, Needs(per_sample=True))
        spread[init] = discriminator(torch.randn(64, 3, 32, 32)).std().item()
    assert spread["normal"] < 0.01 < 0.1 < spread["he"] < 3


def test_he_weights_are_drawn_before_spectral_norm_wraps_them():
    params = DiscriminatorParams(norm="spectral", init="he")
    torch.manual_seed(0)
    first = next(iter(DCGANDiscriminator(ImageSpec(size=32, channels=3), params, Needs(per_sample=True)).body))
    held = spectral_weight(first)
    assert held is not None
    # 27 inputs (3 x 3 x 3): He's deviation is sqrt(2 / 1.04 / 27) = 0.27, DCGAN's published deviation is 0.02.
    assert 0.2 < held.parametrization.original.std().item() < 0.35


def test_an_unknown_init_is_refused():
    with pytest.raises(ValueError, match="init is 'xavier', must be one of normal, he"):
        DiscriminatorParams(init="xavier")
