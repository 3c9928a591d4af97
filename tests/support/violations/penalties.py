"""Penalties that each violate one check, and a good penalty that keeps its state in a buffer."""

from __future__ import annotations

from dataclasses import replace

import torch

from ganzoo.interfaces import Penalty, whole_batch
from support.violations.networks import LATE


class GoodPenalty(Penalty):
    def slope(self, inputs):
        at = inputs.real.detach().requires_grad_(True)
        logits = inputs.discriminator(at, inputs.labels, rng=inputs.rng)
        (gradient,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
        return gradient.float().square().flatten(1).sum(1)

    def __call__(self, inputs):
        return self.slope(inputs)


class NoPenalty:
    def __init__(self, params):
        pass


class Reduced(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs).mean()


class DoublePenalty(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs).double()


class LeavesOneOut(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs) * (len(inputs.real) / (len(inputs.real) - 1))


class Root(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs).sqrt()


class Detaches(GoodPenalty):
    def __call__(self, inputs):
        at = inputs.real.detach().requires_grad_(True)
        return self.slope(inputs).detach() + 0 * at.flatten(1).sum(1)


class Overwrites(GoodPenalty):
    def __call__(self, inputs):
        inputs.real.clamp_(-0.5, 0.5)
        return self.slope(inputs)


class CountingPenalty(GoodPenalty):
    calls = 0

    def __call__(self, inputs):
        type(self).calls += 1
        return self.slope(inputs) + self.calls


class RandomPenalty(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs) + 0 * torch.rand(())


class ReadingPenalty(GoodPenalty):
    def __call__(self, inputs):
        value = self.slope(inputs)
        return value * 2 if value.detach().numpy().max() > 1e9 else value


class MakesOffsets(GoodPenalty):
    def __call__(self, inputs):
        value = self.slope(inputs)
        return value + torch.zeros(value.shape)


class LatePenalty(GoodPenalty):
    calls = 0

    def __call__(self, inputs):
        self.calls += 1
        return self.slope(inputs) * (float("nan") if self.calls > LATE else 1.0)


class Evaluates(GoodPenalty):
    def __call__(self, inputs):
        inputs.discriminator.eval()
        return self.slope(inputs)


class Freezes(GoodPenalty):
    def __call__(self, inputs):
        value = self.slope(inputs)
        inputs.discriminator.requires_grad_(False)
        return value


class WritesLabelsOfPenalty(GoodPenalty):
    def __call__(self, inputs):
        if inputs.labels is not None:
            inputs.labels.data.zero_()
        return self.slope(inputs)


class AnnealsTooFar(GoodPenalty):
    def __call__(self, inputs):
        return self.slope(inputs) * (1 - inputs.progress).log()


class NoLabels(GoodPenalty):
    def slope(self, inputs):
        return super().slope(replace(inputs, labels=None))


class OneLogitOfPenalty(GoodPenalty):
    def __call__(self, inputs):
        (_,) = inputs.fake_outputs.logits.shape
        return self.slope(inputs)


class AveragingPenalty(GoodPenalty):
    """A penalty with a moving average in a tensor that is not a buffer."""

    def __init__(self, params):
        super().__init__(params)
        self.average = torch.zeros(())

    def __call__(self, inputs):
        logits = inputs.real_outputs.logits
        self.average.lerp_(whole_batch(logits.detach()).mean(), 0.5)
        return (logits - 1 - self.average).square()


class AveragingInBuffer(AveragingPenalty):
    def __init__(self, params):
        super().__init__(params)
        del self.average
        self.register_buffer("average", torch.zeros(()))


class DrawsFromRngInPenalty(GoodPenalty):
    def __call__(self, inputs):
        moved = inputs.real + torch.randn(inputs.real.shape, generator=inputs.rng, device=inputs.rng.device)
        return self.slope(replace(inputs, real=moved))


class WeighsItself(GoodPenalty):
    def __call__(self, inputs):
        return self.params.weight * self.slope(inputs)
