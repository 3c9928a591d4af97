"""Networks that each violate one check, and the late failure that other parts also use."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from ganzoo.interfaces import Discriminator, DiscriminatorOutputs
from ganzoo.testing.stand_in_parts import StandInDiscriminator, StandInGenerator

LATE = 30  # the number of calls before a part fails; only the check `trains` makes more


class OnceDifferentiable(torch.autograd.Function):
    """The identity, with a gradient that cannot be differentiated again."""

    @staticmethod
    def forward(context: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


def late(calls: torch.Tensor) -> torch.Tensor:
    """Return 1 for up to ``LATE`` calls, and NaN for more."""
    return torch.where(calls > LATE, float("nan"), 1.0)


class NoDiscriminator(nn.Module):
    def __init__(self, image, params, needs):
        super().__init__()


class TwoDimensional(StandInDiscriminator):
    def forward(self, *given, **named):
        return super().forward(*given, **named)[:, None]


class Double(StandInGenerator):
    def forward(self, *given, **named):
        return super().forward(*given, **named).double()


class Bright(StandInGenerator):
    def forward(self, *given, **named):
        return 3 * super().forward(*given, **named) + 1


class Squeezes(StandInDiscriminator):
    def forward(self, images, labels=None, *, rng=None):
        return self.body(images).squeeze()


class OnlyFours(StandInGenerator):
    def __init__(self, image, params):
        if image.size % 4:
            raise RuntimeError("shapes do not match")
        super().__init__(image, params)


class ReadsLabels(StandInGenerator):
    def forward(self, latents, labels=None, **named):
        images = super().forward(latents, labels, **named)
        return images if labels is None else images * (labels == 0)[:, None, None, None]


class ClaimsTruncation(StandInGenerator):
    has_truncation = True


class Idle(StandInGenerator):
    def __init__(self, *given):
        super().__init__(*given)
        self.idle = nn.Parameter(torch.ones(3))


class OneBackward(StandInDiscriminator):
    def forward(self, images, labels=None, *, rng=None):
        return super().forward(OnceDifferentiable.apply(images), labels, rng=rng)


class Mixes(StandInDiscriminator):
    def forward(self, images, labels=None, *, rng=None):
        return super().forward(images, labels, rng=rng) + images.mean()


class NoAutocast(StandInDiscriminator):
    def forward(self, *given, **named):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("mat1 and mat2 must have the same dtype")
        return super().forward(*given, **named)


class Forgets(StandInGenerator):
    def __init__(self, *given):
        super().__init__(*given)
        self.scale = torch.rand(())

    def forward(self, *given, **named):
        return super().forward(*given, **named) * self.scale


class SetsSeed(StandInGenerator):
    def __init__(self, *given):
        torch.manual_seed(0)
        super().__init__(*given)


class SeededDiscriminator(StandInDiscriminator):
    def __init__(self, *given):
        torch.manual_seed(0)
        super().__init__(*given)


class DrawsGlobally(StandInGenerator):
    def forward(self, *given, **named):
        return super().forward(*given, **named) + 0 * torch.randn(())


class ReadsBack(StandInDiscriminator):
    def forward(self, *given, **named):
        logits = super().forward(*given, **named)
        return logits * 2 if logits.mean().item() > 1e9 else logits


class KeepsKernel(StandInDiscriminator):
    def __init__(self, *given):
        super().__init__(*given)
        self.kernel = torch.ones(1)

    def forward(self, *given, **named):
        return super().forward(*given, **named) * self.kernel


class BreaksLate(StandInGenerator):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, *given, **named):
        self.calls += 1
        return super().forward(*given, **named) * late(self.calls)


class WritesLatents(StandInGenerator):
    def forward(self, latents, labels=None, **named):
        latents.data.clamp_(-0.5, 0.5)
        return super().forward(latents, labels, **named)


class WritesShownImages(StandInDiscriminator):
    def forward(self, images, labels=None, **named):
        images.data.clamp_(-0.5, 0.5)
        return super().forward(images, labels, **named)


class WritesLabels(StandInDiscriminator):
    def forward(self, images, labels=None, **named):
        if labels is not None:
            labels.zero_()
        return super().forward(images, labels, **named)


class IgnoresLabels(StandInGenerator):
    conditional = True


class JudgesIgnoringLabels(StandInDiscriminator):
    conditional = True


class NoHeads(Discriminator):
    """A discriminator that overrides ``outputs`` but never returns a head."""

    def __init__(self, image, params, needs):
        super().__init__()
        self.image, self.body = image, StandInDiscriminator(image, params, type(needs)())

    def forward(self, images, labels=None, *, rng=None):
        return self.body(images)

    def outputs(self, images, labels=None, *, rng=None):
        return DiscriminatorOutputs(self(images))


class OtherLogits(StandInDiscriminator):
    def outputs(self, *given, **named):
        said = super().outputs(*given, **named)
        return DiscriminatorOutputs(said.logits + 1, said.classes, said.features)


class DetachedHead(StandInDiscriminator):
    def outputs(self, *given, **named):
        said = super().outputs(*given, **named)
        return DiscriminatorOutputs(said.logits, said.classes, {k: v.detach() for k, v in said.features.items()})


class Drifts(StandInGenerator):
    """A generator with state in a tensor that is not a buffer."""

    def __init__(self, *given):
        super().__init__(*given)
        self.drift = torch.ones(())

    def forward(self, *given, **named):
        if self.training:
            self.drift *= 0.9
            return super().forward(*given, **named) * self.drift
        return super().forward(*given, **named)


class DrawsFromRng(StandInGenerator):
    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        images = super().forward(latents, labels, rng=rng, truncation=truncation)
        if not self.training or rng is None:
            return images
        return images + 0.1 * torch.randn(images.shape, generator=rng, device=rng.device)


class Sigmoid(StandInGenerator):
    def forward(self, *given, **named):
        return (super().forward(*given, **named) + 1) / 2


class Patches(StandInDiscriminator):
    """A correct discriminator with four logits for each image."""

    def forward(self, *given, **named):
        return super().forward(*given, **named)[:, None].expand(-1, 4)


def only_grey_of_96(image):
    if (image.channels, image.size) != (1, 96):
        raise ValueError("only grey images of 96 pixels")
