"""`dcgan`: the discriminator's normalisation."""

from __future__ import annotations

import pytest
from torch import nn

from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec, Needs
from ganzoo.models.spectral import spectral_weight
from ganzoo_dcgan import DiscriminatorParams
from ganzoo_dcgan.networks import DCGANDiscriminator


def norm_of(discriminator: nn.Module) -> str:
    """Which normalisation its modules have."""
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
