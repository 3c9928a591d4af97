"""Fully connected networks, which read and draw an image as a vector of pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import HeadedDiscriminator, Heads, features_and_logits
from ganzoo.models.spectral import spectral
from ganzoo_mlp import DiscriminatorParams, GeneratorParams


def _init(module: nn.Module) -> None:
    """Initialise after He et al. 2015 for a leaky ReLU of slope 0.2; the bias is zero."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, a=0.2)
        nn.init.zeros_(module.bias)


class MLPGenerator(Generator):
    """Maps latents ``(N, latent_dim)`` through hidden layers, each normalised over its units, to tanh pixels."""

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        layers: list[nn.Module] = []
        features = params.latent_dim
        for _ in range(params.layers):
            layers += [nn.Linear(features, params.width), nn.LayerNorm(params.width), nn.LeakyReLU(0.2)]
            features = params.width
        self.hidden = nn.Sequential(*layers)
        self.to_pixels = nn.Linear(features, image.channels * image.size**2)
        self.apply(_init)
        # Start near mid-grey: at saturated noise, tanh passes no gradient.
        nn.init.normal_(self.to_pixels.weight, std=0.02)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        pixels = torch.tanh(self.to_pixels(self.hidden(latents)))
        return pixels.view(-1, self.image.channels, self.image.size, self.image.size)


class MLPDiscriminator(HeadedDiscriminator):
    """Maps pixels through hidden layers to one logit and the outputs of further heads, each image by itself."""

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        layers: list[nn.Module] = [nn.Flatten()]
        features = image.channels * image.size**2
        for _ in range(params.layers):
            layers += [nn.Linear(features, params.width), nn.LeakyReLU(0.2)]
            features = params.width
        self.body = nn.Sequential(*layers, nn.Linear(features, 1))
        self.apply(_init)
        if params.spectral:
            for layer in self.body:
                if isinstance(layer, nn.Linear):
                    spectral(layer)
        wrap = spectral if params.spectral else nn.Identity()
        self.heads = Heads(features, image, needs.outputs, wrap=wrap)
        self.conditional = self.heads.conditional

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        phi, logits = features_and_logits(self.body, images)
        return self.heads.read(logits, phi, labels)
