"""Parts that violate one check of what happens in training: writes, modes, state, several devices, steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, draw_normal, whole_batch
from ganzoo.testing.stand_in_parts import StandInDiscriminator, StandInGenerator, StandInLoss
from ganzoo.training.step import TrainingStep

LATE = 30  # calls after which something goes wrong that is not seen before


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
    """It overrides outputs and gives no head, whatever it was asked for."""

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
    """State in a tensor that is no buffer."""

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
        return images + 0.1 * torch.randn(images.shape, generator=rng)


class WritesLogits(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        d_real.data.clamp_(-1, 1)
        return super().discriminator(d_real=d_real, d_fake=d_fake)


class WritesInPlace(StandInLoss):
    def generator(self, *, d_real, d_fake):
        return softplus(-d_fake.mul_(1)).mean()


class WritesLabelsOfLoss(StandInLoss):
    def discriminator(self, *, d_real, d_fake, labels):
        if labels is not None:
            labels.data.zero_()
        return super().discriminator(d_real=d_real, d_fake=d_fake)


class DividesByProgress(StandInLoss):
    def generator(self, *, d_real, d_fake, progress):
        return super().generator(d_real=d_real, d_fake=d_fake) / progress


class OneLogitEach(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        (_,) = d_real.shape
        return super().discriminator(d_real=d_real, d_fake=d_fake)


class Summed(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return softplus(-d_real).sum() + softplus(d_fake).mean()


class ConstrainsInEvaluation(StandInLoss):
    def constrain(self, discriminator):
        discriminator.eval()


class Remembers(StandInLoss):
    """A moving average in a tensor that is no buffer."""

    def __init__(self, params):
        super().__init__(params)
        self.average = torch.zeros(())

    def discriminator(self, *, d_real, d_fake):
        self.average.lerp_(whole_batch(d_real.detach()).mean(), 0.5)
        return softplus(-d_real).mean() + softplus(d_fake - self.average).mean()


class RemembersInBuffer(StandInLoss):
    def __init__(self, params):
        super().__init__(params)
        self.register_buffer("average", torch.zeros(()))

    discriminator = Remembers.discriminator


class WeighsByOwnRows(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return super().discriminator(d_real=d_real, d_fake=d_fake) * (1 + 10 * d_real.detach().abs().amax())


class NoStep:
    def __init__(self, **given):
        pass


class IdleStep(TrainingStep):
    def _teach_generator(self, batches, penalties):
        for _ in batches:
            pass


class EvaluatesInStep(TrainingStep):
    def update_both(self, *given):
        super().update_both(*given)
        self.discriminator.eval()


class CountingStep(TrainingStep):
    calls = 0

    def generator_loss(self, batch, penalties):
        type(self).calls += 1
        return super().generator_loss(batch, penalties) * self.calls


class RandomStep(TrainingStep):
    def generator_loss(self, batch, penalties):
        return super().generator_loss(batch, penalties) + 0 * torch.rand(())


class RememberingStep(TrainingStep):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.average = torch.zeros(())

    def discriminator_loss(self, batch, penalties):
        value, real, fake = super().discriminator_loss(batch, penalties)
        self.average.lerp_(real.logits.detach().mean(), 0.5)
        return value * (1 + self.average), real, fake


class NoisyStep(TrainingStep):
    """Noise on the real images from the rng itself."""

    noise = staticmethod(lambda like, rng: torch.randn(like.shape, generator=rng))

    def update_both(self, real: Tensor, *given: Any) -> None:
        super().update_both(real + 0.5 * self.noise(real, self.rng), *given)


class SharedNoiseStep(NoisyStep):
    noise = staticmethod(lambda like, rng: draw_normal(tuple(like.shape), rng, like))


class ReadingStep(TrainingStep):
    def generator_loss(self, batch, penalties):
        value = super().generator_loss(batch, penalties)
        return value * 2 if value.item() > 1e9 else value


class LateStep(TrainingStep):
    calls = 0

    def generator_loss(self, batch, penalties):
        self.calls += 1
        return super().generator_loss(batch, penalties) * (float("nan") if self.calls > LATE else 1.0)


class GoodOptimizer(torch.optim.Optimizer):
    """Momentum, with its state where it belongs."""

    def __init__(self, params, lr, decay=0.5):
        super().__init__(params, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, group)

    def move(self, parameter, group):
        state = self.state[parameter]
        if "mean" not in state:
            state["mean"] = torch.zeros_like(parameter)
        state["mean"].lerp_(parameter.grad, group["decay"])
        parameter -= group["lr"] * state["mean"]


class HalfOptimizer(GoodOptimizer):
    def __init__(self, params, lr):
        super().__init__(list(params)[:1], lr)


class IdleOptimizer(GoodOptimizer):
    def move(self, parameter, group):
        pass


class FixedRate(GoodOptimizer):
    def __init__(self, params, lr):
        super().__init__(params, lr)
        self.lr = lr

    def move(self, parameter, group):
        super().move(parameter, {**group, "lr": self.lr})


class ForgetfulOptimizer(GoodOptimizer):
    def __init__(self, params, lr):
        super().__init__(params, lr)
        self.means = {}

    def move(self, parameter, group):
        self.means[parameter] = parameter.grad + 0.5 * self.means.get(parameter, 0)
        parameter -= group["lr"] * self.means[parameter]


class RandomOptimizer(GoodOptimizer):
    def move(self, parameter, group):
        super().move(parameter, group)
        parameter += 0 * torch.rand(())


class ReadingOptimizer(GoodOptimizer):
    def move(self, parameter, group):
        if parameter.grad.norm().item() < 1e9:
            super().move(parameter, group)


class LateOptimizer(GoodOptimizer):
    def move(self, parameter, group):
        super().move(parameter, group)
        state = self.state[parameter]
        state["steps"] = state.get("steps", 0) + 1
        if state["steps"] > LATE:
            parameter.fill_(float("nan"))
