"""The DCGAN networks. Kernels of 4 and strides of 2 let every layer exactly double or halve the size.

Each network has one more convolution, at the image's own size: strided kernels alone draw fine texture badly, which
costs several points of FID at equal training time. ``refine=0`` gives the published networks.

With ``conditional`` the generator's batch norms have a gain and a bias for each class, and the discriminator is a
projection discriminator (Miyato and Koyama 2018, arXiv:1802.05637).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import DiscriminatorOutputs, Generator
from ganzoo.models.conditional import (
    HeadedDiscriminator,
    Heads,
    batch_norm,
    classes_for,
    features_and_logits,
    given,
    normalise,
)
from ganzoo.models.rounding import Rounding
from ganzoo.models.sizes import split_size
from ganzoo.models.spectral import spectral
from ganzoo_dcgan import DiscriminatorParams, GeneratorParams


def _init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02) and gains of batch norms from N(1, 0.02) (Radford et al. 2016, sec. 4)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.normal_(module.weight, mean=1.0, std=0.02)


def _init_by_inputs(layer: nn.Conv2d | nn.Linear) -> None:
    """Draw weights whose outputs have the deviation of their inputs (He et al. 2015, arXiv:1502.01852, sec. 2.2)."""
    # A leaky ReLU of slope 0.2 follows each convolution. No activation follows a linear layer, as if the slope were 1.
    slope = 0.2 if isinstance(layer, nn.Conv2d) else 1.0
    nn.init.kaiming_normal_(layer.weight, a=slope)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class DCGANGenerator(Generator):
    """Projects latents ``(N, latent_dim)`` to ``base x base`` and doubles up to the image's size, with batch norms."""

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim = image, params.latent_dim
        classes = classes_for(image, params.conditional)
        self.conditional = "required" if classes else False
        base, halvings = split_size(image.size)
        channels = params.width * 2 ** (halvings - 1)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(params.latent_dim, channels, base, bias=False),
            batch_norm(channels, classes),
            nn.ReLU(),
        ]
        for _ in range(halvings - 1):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
                batch_norm(channels // 2, classes),
                nn.ReLU(),
            ]
            channels //= 2
        if params.refine:
            layers += [
                nn.ConvTranspose2d(channels, params.refine, 4, stride=2, padding=1, bias=False),
                batch_norm(params.refine, classes),
                nn.ReLU(),
                nn.Conv2d(params.refine, image.channels, 3, padding=1),
            ]
        else:
            layers.append(nn.ConvTranspose2d(channels, image.channels, 4, stride=2, padding=1))
        layers.append(nn.Tanh())
        self.body = nn.Sequential(*layers)
        self.apply(_init)
        self.rounding = Rounding(self)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        condition = given(labels) if self.conditional else None
        x = latents[:, :, None, None]
        with self.rounding(latents):
            for layer in self.body:
                x = normalise(layer, x, condition)
        return x


class DCGANDiscriminator(HeadedDiscriminator):
    """Halves the image down to ``base x base``, then computes one logit and the outputs of further heads."""

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        self.image = image
        norm = params.norm
        if norm == "auto":
            norm = "none" if needs.per_sample else "batch"
        elif norm == "by-channels":
            norm = "spectral" if needs.per_sample or image.channels == 1 else "batch"
        if norm == "batch" and needs.per_sample:
            raise ValueError(
                "discriminator.norm=batch mixes the samples of a batch, which this loss or penalty forbids; "
                "use discriminator.norm=layer, spectral, none or auto"
            )
        self.mixes_samples = norm == "batch"
        base, halvings = split_size(image.size)
        wrap = spectral if norm == "spectral" else nn.Identity()
        init = _init_by_inputs if params.init == "he" else _init
        channels, size = params.width, image.size // 2
        layers: list[nn.Module] = []
        if params.refine:
            first = nn.Conv2d(image.channels, params.refine, 3, padding=1)
            init(first)
            layers += [wrap(first), nn.LeakyReLU(0.2)]
        layers += [wrap(_conv(params.refine or image.channels, channels, init)), nn.LeakyReLU(0.2)]
        for _ in range(halvings - 1):
            layers.append(wrap(_conv(channels, channels * 2, init, bias=norm not in ("batch", "layer"))))
            channels, size = channels * 2, size // 2
            if norm == "batch":
                layers.append(nn.BatchNorm2d(channels))
            elif norm == "layer":
                layers.append(nn.GroupNorm(1, channels))
            layers.append(nn.LeakyReLU(0.2))
        last = nn.Linear(channels * base**2, 1)
        init(last)
        self.body = nn.Sequential(*layers, nn.Flatten(), wrap(last))
        self.heads = Heads(last.in_features, image, needs.outputs, params.conditional, wrap=wrap)
        self.conditional = self.heads.conditional
        self.rounding = Rounding(self)

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        with self.rounding(images):
            phi, logits = features_and_logits(self.body, images)
            return self.heads.read(logits, phi, labels)


def _conv(inputs: int, outputs: int, init: Callable[[nn.Conv2d | nn.Linear], None], bias: bool = True) -> nn.Conv2d:
    """Return an initialised convolution that halves the size. Spectral norm later replaces the weight it wraps."""
    layer = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
    init(layer)
    return layer
