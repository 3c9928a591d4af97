from __future__ import annotations

import pytest

from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec
from ganzoo.models.build import build_model


@pytest.fixture
def noisy(registry, tiny):
    """A class-conditional generator with all noise strengths at 1, so that noise changes its images."""
    settings = [*tiny("stylegan-lite"), "generator.conditional=true"]
    config = resolve(registry, "stylegan-lite+non-saturating", None, settings)
    generator = build_model(config, ImageSpec(1, 8, 3)).generator.eval()
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(1.0)
    return generator
