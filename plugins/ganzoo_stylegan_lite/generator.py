"""The generator of StyleGAN2 (Karras et al. 2019, arXiv:1812.04948, and 2020, arXiv:1912.04958) without compiled
extensions.

In the papers a gain of sqrt(2) follows each leaky ReLU, to preserve the variance. A factor on the input of a leaky ReLU
is the same factor on its output, so here the preceding weights include the gain, which costs nothing.

With ``conditional`` the mapping network also reads an embedding of the class. The embedding is scaled to mean square 1,
like the latent (Karras et al. 2020, arXiv:2006.06676, app. D).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec
from ganzoo.interfaces import (
    Generator,
    draw_normal,
    draw_uniform,
    whole_batch,
)
from ganzoo.models.conditional import classes_for, given
from ganzoo.models.sizes import split_size
from ganzoo_stylegan_lite import GeneratorParams
from ganzoo_stylegan_lite.layers import (
    SLOPE,
    Blur,
    Equalised,
    EqualLinear,
    Upsample,
    channels_of,
    per_channel,
    scaled_together,
)

MEAN_DECAY = 0.995  # of w's running mean (Karras et al. 2019, app. B)


def _scaled_to_1(x: Tensor) -> Tensor:
    """Scale each row of ``(N, F)`` to mean square 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class StyledConv(Equalised):
    """A modulated and demodulated 3x3 convolution, then noise, bias and leaky ReLU; ``up`` doubles the size.

    Maps ``(N, inputs, H, W)`` and ``w`` ``(N, w_dim)`` to ``(N, outputs, H, W)``. The paper modulates the weights for
    each sample (Karras et al. 2020, eq. 1 and 3). Here the styles scale the inputs and the demodulation scales the
    outputs: the result is the same, with one weight for the whole batch.
    """

    def __init__(self, inputs: int, outputs: int, w_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.style = EqualLinear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.scale = 1 / math.sqrt(inputs * 9)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.blur = Blur(outputs, gain=4.0) if up else None

    def factors(self) -> dict[str, float]:
        return {**super().factors(), "noise_strength": 1.0}

    def convolve(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the modulated and demodulated convolution, times sqrt(2), plus the bias."""
        style, exact = self.style(w), self.exactly_scaled("weight")
        weight = self.ready.get("weight", exact)
        energy = F.linear(style.square(), exact.square().sum((2, 3)))
        demodulation = math.sqrt(2) * (energy + 1e-8).rsqrt()
        x = x * per_channel(style, x)
        if self.blur is None:
            x = F.conv2d(x, weight, padding=1)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1)
        return torch.addcmul(per_channel(self.scaled("bias"), x), x, per_channel(demodulation, x))

    def forward(self, x: Tensor, w: Tensor, rng: torch.Generator | None) -> Tensor:
        x = self.convolve(x, w)
        if rng is not None:
            noise = draw_normal((len(x), 1, *x.shape[2:]), rng, like=x)
            x = torch.addcmul(x, noise, self.scaled("noise_strength").to(x.dtype))
        return F.leaky_relu(x, SLOPE)


class ToImage(Equalised):
    """A 1x1 convolution of ``(N, inputs, H, W)`` to pixels, only modulated (Karras et al. 2020, sec. 4.1)."""

    def __init__(self, inputs: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.style = EqualLinear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.scale = 1 / math.sqrt(inputs)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return F.conv2d(x * per_channel(self.style(w), x), self.scaled("weight"), self.scaled("bias"))


class SynthesisBlock(nn.Module):
    """Doubles the size of the features, refines them, and adds their pixels to the enlarged image (skip generator)."""

    def __init__(self, inputs: int, outputs: int, size: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.enlarge = StyledConv(inputs, outputs, w_dim, up=True)
        self.refine = StyledConv(outputs, outputs, w_dim)
        self.to_picture = ToImage(outputs, channels, w_dim)
        self.upsample = Upsample(channels, size)

    def forward(
        self, x: Tensor, image: Tensor, w: tuple[Tensor, Tensor], rng: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        x = self.refine(self.enlarge(x, w[0], rng), w[1], rng)
        return x, self.upsample(image) + self.to_picture(x, w[1])


class StyleGANGenerator(Generator):
    """Maps latents ``(N, latent_dim)`` to ``w``, which styles every layer; the first layer's input is learned.

    The learned input has ``base x base`` pixels. In training mode images are not clamped to [-1, 1], since clamping
    blocks the gradient of pixels outside that range.
    """

    has_truncation = True

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim, self.mixing = image, params.latent_dim, params.mixing
        base, doublings = split_size(image.size)
        widths, w_dim = channels_of(params.width, params.width_max, doublings), params.w_dim
        classes = classes_for(image, params.conditional)
        self.conditional = "required" if classes else False
        self.embed = nn.Embedding(classes, params.latent_dim) if classes else None
        features = [params.latent_dim * (2 if classes else 1)] + [w_dim] * params.mapping_layers
        self.mapping = nn.ModuleList(
            EqualLinear(features[i], features[i + 1], gain=math.sqrt(2), lr_multiplier=0.01)
            for i in range(params.mapping_layers)
        )
        self.register_buffer("w_avg", torch.zeros(w_dim))
        self.w_avg: Tensor
        self.start = nn.Parameter(torch.randn(1, widths[0], base, base))
        self.first = StyledConv(widths[0], widths[0], w_dim)
        self.first_picture = ToImage(widths[0], image.channels, w_dim)
        self.blocks = nn.ModuleList(
            SynthesisBlock(widths[i], widths[i + 1], base * 2**i, image.channels, w_dim) for i in range(doublings)
        )
        self.num_styles = 1 + 2 * doublings
        in_float32 = set(self.mapping)
        self.equalised = [layer for layer in self.modules() if isinstance(layer, Equalised) and layer not in in_float32]

    def map(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``w`` ``(N, w_dim)``, in float32, for latents ``(N, latent_dim)``.

        A conditional generator also reads the embedded labels. Latents and embeddings are each scaled to mean square 1.
        """
        with torch.autocast(latents.device.type, enabled=False):
            w = _scaled_to_1(latents.float())
            if self.embed is not None:
                w = torch.cat([w, _scaled_to_1(self.embed(given(labels)))], dim=1)
            for layer in self.mapping:
                w = F.leaky_relu(layer(w), SLOPE)
        return w

    def _for_each_layer(
        self, w: Tensor, latents: Tensor, labels: Tensor | None, rng: torch.Generator | None
    ) -> list[Tensor]:
        """Return the style ``(N, w_dim)`` of each layer.

        Training mode mixes styles: from a random layer on, some samples use a second ``w`` (Karras et al. 2019,
        sec. 3.1).
        """
        if not self.training or self.mixing == 0 or rng is None:
            return [w] * self.num_styles
        other = self.map(draw_normal(tuple(latents.shape), rng, like=latents), labels)
        mixed, place = draw_uniform((2, len(w), 1), rng, like=w, dim=1)
        crossover = torch.where(mixed < self.mixing, 1 + place * (self.num_styles - 1), self.num_styles)
        return [torch.where(i + 1 <= crossover, w, other) for i in range(self.num_styles)]

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float | Tensor = 1.0,
    ) -> Tensor:
        w = self.map(latents, labels)
        if self.training:
            with torch.no_grad():
                self.w_avg.lerp_(whole_batch(w).mean(0), 1 - MEAN_DECAY)
        if isinstance(truncation, Tensor) or truncation != 1:
            w = self.w_avg.lerp(w, truncation)
        styles = self._for_each_layer(w, latents, labels, rng)
        if not self.training:
            return self._draw(styles, rng).clamp(-1, 1)
        with scaled_together(self.equalised, w):
            return self._draw(styles, rng)

    def styles(self, latents: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Return a style for each layer, ``(N, num_styles, w_dim)``, for latents ``(N, latent_dim)``.

        Training mode mixes styles.
        """
        return torch.stack(self._for_each_layer(self.map(latents, labels), latents, labels, rng), 1)

    def synthesise(self, styles: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Return the images ``(N, C, H, W)``, not clamped, of styles ``(N, num_styles, w_dim)``."""
        with scaled_together(self.equalised, styles):
            return self._draw(list(styles.unbind(1)), rng)

    def _draw(self, styles: list[Tensor], rng: torch.Generator | None) -> Tensor:
        """Return the images of a style ``(N, w_dim)`` for each layer."""
        x = self.first(self.start.expand(len(styles[0]), -1, -1, -1), styles[0], rng)
        image = self.first_picture(x, styles[0])
        for i, block in enumerate(self.blocks):
            x, image = block(x, image, (styles[2 * i + 1], styles[2 * i + 2]), rng)
        return image
