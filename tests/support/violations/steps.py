"""Steps and optimizers that each violate one check."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo.interfaces import draw_normal
from ganzoo.training.step import TrainingStep
from support.violations.networks import LATE


class NoStep:
    def __init__(self, **given):
        pass


class IdleStep(TrainingStep):
    def _teach_generator(self, batches, penalties):
        for _ in batches:
            pass


class UnpenalisedStep(TrainingStep):
    def discriminator_loss(self, batch, penalties):
        return super().discriminator_loss(batch, [])


class UnpenalisedGenerator(TrainingStep):
    def generator_loss(self, batch, penalties):
        return super().generator_loss(batch, [])


class UnpenalisedApart(TrainingStep):
    """A step that drops the penalties only where the networks are updated separately."""

    def update_discriminator(self, real, labels, penalties):
        super().update_discriminator(real, labels, [])


class PlainStep(TrainingStep):
    def judge(self, batch):
        return tuple(self._bounded.outputs(images, batch.labels) for images in (batch.real, batch.fake))


class PlainFakes(TrainingStep):
    """A step whose discriminator sees augmented real images and plain fakes."""

    def judge(self, batch):
        real, _ = super().judge(batch)
        return real, self._bounded.outputs(batch.fake, batch.labels)


class PlainForGenerator(TrainingStep):
    def judge_fakes(self, batch):
        return self._bounded.outputs(batch.fake, batch.labels)


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
    """A step that adds noise to the real images and draws it from the rng itself."""

    noise = staticmethod(lambda like, rng: torch.randn(like.shape, generator=rng, device=rng.device))

    def update_both(self, real: Tensor, *given: Any) -> None:
        super().update_both(real + 0.5 * self.noise(real, self.rng), *given)


class SharedNoiseStep(NoisyStep):
    noise = staticmethod(lambda like, rng: draw_normal(tuple(like.shape), rng, like))


class ReadingStep(TrainingStep):
    def generator_loss(self, batch, penalties):
        value = super().generator_loss(batch, penalties)
        return value * 2 if value.item() > 1e9 else value


class WeighsByMadeTensor(TrainingStep):
    def generator_loss(self, batch, penalties):
        return (super().generator_loss(batch, penalties) * torch.ones(1)).mean()


class LateStep(TrainingStep):
    calls = 0

    def generator_loss(self, batch, penalties):
        self.calls += 1
        return super().generator_loss(batch, penalties) * (float("nan") if self.calls > LATE else 1.0)


class GoodOptimizer(torch.optim.Optimizer):
    """An optimizer with momentum that keeps its state in ``self.state``, as it should."""

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


class TensorRate(torch.optim.Adam):
    """A correct optimizer that keeps its learning rate in a tensor."""

    def __init__(self, params, lr):
        super().__init__(params, lr=torch.tensor(lr), foreach=False)


class Climbs(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr, maximize=True)
