"""The StyleGAN2 pair (Karras et al. 2019, arXiv:1812.04948, and 2020, arXiv:1912.04958) without compiled extensions.

Leaky ReLU is followed by a gain of sqrt(2) in the papers, to keep the variance. It scales with its input, so the gain
sits in the weights before it instead, where it costs nothing.

With ``conditional`` the mapping network also reads an embedding of the class, scaled to mean square 1 as the latent is,
and the discriminator is one of projection (both as in Karras et al. 2020, arXiv:2006.06676, app. D).
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec, Needs
from ganzoo.interfaces import (
    Discriminator,
    DiscriminatorOutputs,
    Generator,
    draw_normal,
    draw_uniform,
    of_whole_batch,
    whole_batch,
)
from ganzoo.models.conditional import Heads, classes_for, given
from ganzoo.models.sizes import split_size
from ganzoo.models.spectral import spectral
from ganzoo_stylegan_lite import DiscriminatorParams, GeneratorParams
from ganzoo_stylegan_lite.layers import (
    Blur,
    EqualConv,
    EqualEmbedding,
    Equalised,
    EqualLinear,
    Upsample,
    scaled_together,
)

SLOPE = 0.2
GROUP = 4  # of minibatch standard deviation
MEAN_DECAY = 0.995  # of w's running mean (Karras et al. 2019, app. B)


def _widths(width: int, width_max: int, doublings: int) -> list[int]:
    """Channels at each size, smallest size first."""
    return [min(width * 2**k, width_max) for k in range(doublings, -1, -1)]


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    """``(N, C)`` or ``(C,)`` made to broadcast over ``like``, ``(N, C, H, W)``, in its dtype."""
    return values.to(like.dtype)[..., None, None]


def _scaled_to_1(x: Tensor) -> Tensor:
    """Rows ``(N, F)``, each scaled to mean square 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class StyledConv(Equalised):
    """Modulated and demodulated 3x3 convolution, noise, bias, leaky ReLU; ``up`` doubles the size.

    ``(N, inputs, H, W)`` and ``w`` ``(N, w_dim)`` to ``(N, outputs, H, W)``. The paper modulates the weights of each
    sample (Karras et al. 2020, eq. 1 and 3). Scaling the inputs by the styles and the outputs by the demodulation is
    the same sum, with one weight for the batch.
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
        """The modulated and demodulated convolution, times sqrt(2), plus the bias."""
        style, exact = self.style(w), self.exactly_scaled("weight")
        weight = self.ready.get("weight", exact)
        energy = F.linear(style.square(), exact.square().sum((2, 3)))
        demodulation = math.sqrt(2) * (energy + 1e-8).rsqrt()
        x = x * _per_channel(style, x)
        if self.blur is None:
            x = F.conv2d(x, weight, padding=1)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1)
        return torch.addcmul(_per_channel(self.scaled("bias"), x), x, _per_channel(demodulation, x))

    def forward(self, x: Tensor, w: Tensor, rng: torch.Generator | None) -> Tensor:
        x = self.convolve(x, w)
        if rng is not None:
            noise = draw_normal((len(x), 1, *x.shape[2:]), rng, like=x)
            x = torch.addcmul(x, noise, self.scaled("noise_strength").to(x.dtype))
        return F.leaky_relu(x, SLOPE)


class ToImage(Equalised):
    """Modulated 1x1 convolution ``(N, inputs, H, W)`` to pixels, not demodulated (Karras et al. 2020, sec. 4.1)."""

    def __init__(self, inputs: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.style = EqualLinear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.scale = 1 / math.sqrt(inputs)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return F.conv2d(x * _per_channel(self.style(w), x), self.scaled("weight"), self.scaled("bias"))


class SynthesisBlock(nn.Module):
    """Doubles the features, refines them, and adds their pixels to the doubled image so far (skip generator)."""

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
    """Latents ``(N, latent_dim)`` mapped to ``w``, which styles every layer from a learned ``base x base`` start.

    In training mode images are not clamped to [-1, 1], as clamping would pass no gradient from outside.
    """

    has_truncation = True

    def __init__(self, image: ImageSpec, params: GeneratorParams) -> None:
        super().__init__()
        self.image, self.latent_dim, self.mixing = image, params.latent_dim, params.mixing
        base, doublings = split_size(image.size)
        widths, w_dim = _widths(params.width, params.width_max, doublings), params.w_dim
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
        """Latents ``(N, latent_dim)``, and the embedded labels if the generator is conditional, each scaled to mean
        square 1, to ``w`` ``(N, w_dim)``, in float32."""
        with torch.autocast(latents.device.type, enabled=False):
            w = _scaled_to_1(latents.float())
            if self.embed is not None:
                w = torch.cat([w, _scaled_to_1(self.embed(given(labels)))], dim=1)
            for layer in self.mapping:
                w = F.leaky_relu(layer(w), SLOPE)
        return w

    def _mix(self, w: Tensor, latents: Tensor, rng: torch.Generator, labels: Tensor | None = None) -> list[Tensor]:
        """Style mixing: from a random layer on, some samples follow a second ``w`` (Karras et al. 2019, sec. 3.1)."""
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
        styles = [w] * self.num_styles
        if self.training and self.mixing > 0 and rng is not None:
            styles = self._mix(w, latents, rng, labels)
        if not self.training:
            return self._draw(styles, rng).clamp(-1, 1)
        with scaled_together(self.equalised, w):
            return self._draw(styles, rng)

    def styles(self, latents: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        """Latents ``(N, latent_dim)`` to a style for each layer, ``(N, num_styles, w_dim)``, mixed in training."""
        w = self.map(latents, labels)
        if self.training and self.mixing > 0 and rng is not None:
            return torch.stack(self._mix(w, latents, rng, labels), 1)
        return torch.stack([w] * self.num_styles, 1)

    def synthesise(self, styles: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Styles ``(N, num_styles, w_dim)`` to images ``(N, C, H, W)``, not clamped."""
        with scaled_together(self.equalised, styles):
            return self._draw(list(styles.unbind(1)), rng)

    def _draw(self, styles: list[Tensor], rng: torch.Generator | None) -> Tensor:
        """Images from a style ``(N, w_dim)`` for each layer."""
        x = self.first(self.start.expand(len(styles[0]), -1, -1, -1), styles[0], rng)
        image = self.first_picture(x, styles[0])
        for i, block in enumerate(self.blocks):
            x, image = block(x, image, (styles[2 * i + 1], styles[2 * i + 2]), rng)
        return image


class ResidualBlock(nn.Module):
    """``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``; both branches carry 1/sqrt(2), so that variance is kept."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.refine = EqualConv(inputs, inputs, 3, gain=math.sqrt(2))
        self.halve = EqualConv(inputs, outputs, 3, down=True)  # sqrt(2) of the ReLU times 1/sqrt(2)
        self.skip = EqualConv(inputs, outputs, 1, gain=math.sqrt(0.5), bias=False, down=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.leaky_relu(self.halve(F.leaky_relu(self.refine(x), SLOPE)), SLOPE)
        return residual + self.skip(x)


def minibatch_std(x: Tensor, group: int = GROUP) -> Tensor:
    """One more channel on ``(N, C, H, W)``: how much its group varies, averaged (Karras et al. 2018, sec. 3).

    Groups have ``group`` samples, or the most below that which divide N.
    """
    group = max(size for size in range(1, group + 1) if len(x) % size == 0)
    members = x.float().unflatten(0, (group, -1))
    # Not Tensor.var, which is ten times slower on the CPU across the outermost dimension.
    variance = (members - members.mean(0)).square().mean(0)
    deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, _per_channel(deviation.repeat(group)[:, None], x).expand(-1, 1, *x.shape[2:])], dim=1)


class StyleGANDiscriminator(Discriminator):
    """Residual blocks halve the image down to ``base x base``, then a convolution and two full layers.

    Further heads read what the last full layer does.
    """

    def __init__(self, image: ImageSpec, params: DiscriminatorParams, needs: Needs) -> None:
        super().__init__()
        if params.minibatch_std and needs.per_sample:
            raise ValueError(
                "discriminator.minibatch_std=true mixes the samples of a batch, which this loss or penalty forbids; "
                "use discriminator.minibatch_std=false or null"
            )
        self.image = image
        self.mixes_samples = not needs.per_sample if params.minibatch_std is None else params.minibatch_std
        base, doublings = split_size(image.size)
        widths = _widths(params.width, params.width_max, doublings)[::-1]
        self.from_picture = EqualLinear(image.channels, widths[0], gain=math.sqrt(2))
        self.blocks = nn.Sequential(*(ResidualBlock(widths[i], widths[i + 1]) for i in range(doublings)))
        last = widths[-1]
        self.mix = EqualConv(last + self.mixes_samples, last, 3, gain=math.sqrt(2))
        self.full = EqualLinear(last * base**2, last, gain=math.sqrt(2))
        self.to_logit = EqualLinear(last, 1)
        self.heads = Heads(last, image, needs.outputs, params.conditional, linear=EqualLinear, embedding=EqualEmbedding)
        self.conditional = self.heads.conditional
        if params.spectral:  # without the gains of sqrt(2), which would let the logits grow as large as before
            for layer in self.modules():
                if isinstance(layer, (EqualLinear, EqualConv, EqualEmbedding)):
                    spectral(layer).scale = layer.gain / math.sqrt(2)
        self.equalised = [layer for layer in self.modules() if isinstance(layer, Equalised)]

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.outputs(images, labels, rng=rng).logits

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        with scaled_together(self.equalised, images) if self.training else nullcontext():
            phi = self._features(images)
            return self.heads.read(self.to_logit(phi).squeeze(1), phi, labels)

    def _features(self, images: Tensor) -> Tensor:
        """The last features ``(N, F)`` of images."""
        # A 1x1 convolution, written so that its result lies channels last, the layout fast for what follows: with one
        # channel an image's own layout could be either.
        x = self.from_picture(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.blocks(F.leaky_relu(x, SLOPE))
        if self.mixes_samples:
            # Several devices share a batch so that whole groups are on one where they can be.
            x = minibatch_std(x) if len(x) % GROUP == 0 else of_whole_batch(minibatch_std, x)
        x = F.leaky_relu(self.mix(x), SLOPE)
        return F.leaky_relu(self.full(x.flatten(1)), SLOPE)
