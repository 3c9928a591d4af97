"""Losses that each violate one check, and a good loss that keeps its state in a buffer."""

from __future__ import annotations

import random

import torch
from torch.nn.functional import softplus

from ganzoo.interfaces import draw_uniform, whole_batch
from ganzoo.testing.stand_in_parts import StandInLoss
from support.violations.networks import LATE


class NoLoss:
    def __init__(self, params):
        pass


class Unreduced(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return softplus(-d_real) + softplus(d_fake)


class WantsReal(StandInLoss):
    def generator(self, *, d_real, d_fake):
        return softplus(d_real - d_fake).mean()


class DoubleLoss(StandInLoss):
    def generator(self, *, d_real, d_fake):
        return super().generator(d_real=d_real, d_fake=d_fake).double()


class Deviates(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return super().discriminator(d_real=d_real, d_fake=d_fake) + 0 * d_real.std()


class Logarithm(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return -torch.sigmoid(d_real).log().mean() - (1 - torch.sigmoid(d_fake)).log().mean()


class Backwards(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return super().discriminator(d_real=-d_real, d_fake=-d_fake)


class Counts(StandInLoss):
    calls = 0

    def generator(self, *, d_real, d_fake):
        type(self).calls += 1
        return super().generator(d_real=d_real, d_fake=d_fake) + self.calls


class RandomLoss(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return super().discriminator(d_real=d_real, d_fake=d_fake) + 0 * random.random()


class BranchesOnValue(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        value = super().discriminator(d_real=d_real, d_fake=d_fake)
        return value * 2 if value > 1e9 else value


class MakesTargets(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return super().discriminator(d_real=d_real - torch.zeros(len(d_real)), d_fake=d_fake)


class NoisyTargets(StandInLoss):
    """Conforms: its random numbers come from the rng."""

    def discriminator(self, *, d_real, d_fake, rng):
        weights = 0.75 + 0.5 * draw_uniform(tuple(d_real.shape), rng, d_real)
        return (weights * softplus(-d_real)).mean() + softplus(d_fake).mean()


class FadesIn(StandInLoss):
    def discriminator(self, *, d_real, d_fake, progress):
        return softplus(-d_real).mean() + progress * softplus(d_fake).mean()


class IgnoresFakes(StandInLoss):
    def discriminator(self, *, d_real, d_fake):
        return softplus(-d_real).mean() + 0 * d_fake.mean()


class LateLoss(StandInLoss):
    calls = 0

    def generator(self, *, d_real, d_fake):
        self.calls += 1
        return super().generator(d_real=d_real, d_fake=d_fake) * (float("nan") if self.calls > LATE else 1.0)


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
    """A loss with a moving average in a tensor that is not a buffer."""

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


class ZeroAndOne(StandInLoss):
    """Least squares with targets of 0 and 1 (Mao et al. 2017), a correct loss."""

    def discriminator(self, *, d_real, d_fake):
        return (d_real - 1).square().mean() + d_fake.square().mean()

    def generator(self, *, d_real, d_fake):
        return (d_fake - 1).square().mean()


class Learned(StandInLoss):
    def __init__(self, params):
        super().__init__(params)
        self.temperature = torch.nn.Parameter(torch.ones(()))
