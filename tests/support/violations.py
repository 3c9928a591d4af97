"""For each check of the conformance kit a part that violates it, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from ganzoo import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    ImageSpec,
    LauncherEntry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    StoreEntry,
    hookimpl,
)
from ganzoo.entries import Entry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Metric, Penalty, SourceImage, draw_uniform, whole_batch
from ganzoo.metrics.extractor import Extractor, Network
from ganzoo.plugin.registry import REGISTRATION
from ganzoo.testing.stand_in_parts import StandInDiscriminator, StandInGenerator, StandInLoss, StandInSource
from support.violations_in_training import (
    ConstrainsInEvaluation,
    CountingStep,
    DividesByProgress,
    DrawsFromRng,
    Drifts,
    EvaluatesInStep,
    FixedRate,
    ForgetfulOptimizer,
    GoodOptimizer,
    HalfOptimizer,
    IdleOptimizer,
    IdleStep,
    LateOptimizer,
    LateStep,
    NoHeads,
    NoisyStep,
    NoStep,
    OneLogitEach,
    RandomOptimizer,
    RandomStep,
    ReadingOptimizer,
    ReadingStep,
    RememberingStep,
    Remembers,
    SharedNoiseStep,
    Summed,
    WeighsByOwnRows,
    WritesLatents,
    WritesLogits,
)

LATE = 30  # calls after which something goes wrong that is not seen before


class OnceDifferentiable(torch.autograd.Function):
    """The identity, whose gradient has no gradient."""

    @staticmethod
    def forward(context: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


def late(calls: torch.Tensor) -> torch.Tensor:
    """1, and after a while not a number."""
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


class BreaksLate(StandInGenerator):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, *given, **named):
        self.calls += 1
        return super().forward(*given, **named) * late(self.calls)


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


class LateLoss(StandInLoss):
    calls = 0

    def generator(self, *, d_real, d_fake):
        self.calls += 1
        return super().generator(d_real=d_real, d_fake=d_fake) * (float("nan") if self.calls > LATE else 1.0)


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
    """A moving average in a tensor that is no buffer."""

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
        moved = inputs.real + torch.randn(inputs.real.shape, generator=inputs.rng)
        return self.slope(replace(inputs, real=moved))


class GoodAugmentation(Augmentation):
    def forward(self, images, rng):
        return images + self.strength * (draw_uniform((len(images), 1, 1, 1), rng, images) - 0.5)


class NoAugmentation(nn.Module):
    def __init__(self, image, params):
        super().__init__()


class Crops(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng)[..., 1:]


class DoubleAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng).double()


class Unbounded(GoodAugmentation):
    def adapt(self, d_real):
        self.strength += 0.01 * d_real.sign().mean()


class NormalisesBatch(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * images.std(0)


class ColourOnly(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * images[:, 2:3].mean()


class OneDraw(GoodAugmentation):
    def forward(self, images, rng):
        return images + self.strength * (torch.rand(1, 1, 1, 1, generator=rng) - 0.5)


class OnceAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(OnceDifferentiable.apply(images), rng)


class ForgetfulAugmentation(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.shift = torch.rand(())

    def forward(self, images, rng):
        return super().forward(images, rng) + self.shift


class OwnNoise(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("noise", torch.linspace(-0.5, 0.5, 64)[:, None, None, None])

    def forward(self, images, rng):
        return images + self.strength * self.noise[: len(images)]


class WritesGivenImages(GoodAugmentation):
    def forward(self, images, rng):
        images.data.clamp_(-0.5, 0.5)
        return super().forward(images, rng)


class CountsSmallLogits(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.seen = torch.zeros(())

    def adapt(self, d_real):
        self.seen += d_real.abs().max() < 1

    def forward(self, images, rng):
        return super().forward(images, rng) * (1 + self.seen)


class DrawsFromRngInAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return images + self.strength * (torch.rand(len(images), 1, 1, 1, generator=rng) - 0.5)


class RandomAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        return super().forward(images, rng) + 0 * np.random.rand()  # noqa: NPY002


class ListingAugmentation(GoodAugmentation):
    def forward(self, images, rng):
        bright = max(images.flatten().tolist()) > 1e9
        return super().forward(images, rng) * (2 if bright else 1)


class LateAugmentation(GoodAugmentation):
    def __init__(self, *given):
        super().__init__(*given)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, images, rng):
        self.calls += 1
        return super().forward(images, rng) * late(self.calls)


class GoodSource(StandInSource):
    def content_key(self):
        return f"{type(self).__name__} {self.split}"  # not that of another one with other images


class NoSource:
    def __init__(self, *given):
        pass


class Coloured(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels.repeat(3, 2)) for p in super().__iter__())


class Signed(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels.astype(np.int8)) for p in super().__iter__())


class Labelled(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels, 5) for p in super().__iter__())


class Shuffled(GoodSource):
    turns = 0

    def __iter__(self):
        type(self).turns += 1
        return iter(list(super().__iter__())[:: 1 if self.turns % 2 else -1])


class OneKey(GoodSource):
    def content_key(self):
        return "one key"

    def __iter__(self):
        step = 1 if self.split == "train" else -1
        return iter(list(super().__iter__())[::step])


class NoTest(GoodSource):
    def content_key(self):
        if self.split == "test":
            raise GanzooError("there are no test images")
        return super().content_key()

    def __iter__(self):
        self.content_key()
        return super().__iter__()


class SameSplits(GoodSource):
    def __init__(self, location, root, split):
        super().__init__(location, root, "train")


class Misjudges(GoodSource):
    def peek(self):
        return ImageSpec(3, 8)


class RandomSource(GoodSource):
    def __iter__(self):
        random.random()
        return super().__iter__()


class GoodMetric(Metric):
    def distance(self, real, fake):
        return float(np.square(real.statistics["mu"] - fake.statistics["mu"]).sum())

    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake)}


class NoMetric:
    pass


class MeansMetric(GoodMetric):
    """Reads the extractor below, whose features have another width than Inception's."""

    def distance(self, real, fake):
        assert real.statistics["mu"].shape == (3,)
        return super().distance(real, fake)


class GoodExtractor(Extractor):
    """The mean of each channel."""

    @classmethod
    def find(cls, file, root):
        return Network(root, "ab" * 32, "ab" * 32, "no file")

    def __call__(self, images):
        return {"means": images.expand(-1, 3, -1, -1).float().mean((2, 3)) / 255}


class Normalises(GoodExtractor):
    def __call__(self, images):
        means = super().__call__(images)["means"]
        return {"means": means - means.mean(0)}


class Ages(GoodExtractor):
    loaded = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Ages.loaded += 1
        self.age = Ages.loaded

    def __call__(self, images):
        return {"means": super().__call__(images)["means"] + self.age}


class WritesImages(GoodExtractor):
    def __call__(self, images):
        found = super().__call__(images)
        images.zero_()
        return found


class DrawsWhenLoaded(GoodExtractor):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch.rand(1)


class ReadsFeatures(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": (real.matrix - fake.matrix).square().sum().item()}


class NoNumber(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake), "note": "good"}


class WritesFeatures(GoodMetric):
    def __call__(self, *, real, fake, seed):
        found = {"distance": self.distance(real, fake)}
        fake.statistics["mu"] += 1
        return found


class CountingMetric(GoodMetric):
    calls = 0

    def __call__(self, *, real, fake, seed):
        type(self).calls += 1
        return {"distance": self.distance(real, fake) + 1e-3 * self.calls}


class RandomMetric(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake) + 0 * np.random.rand()}  # noqa: NPY002


class NoLauncher:
    pass


def _target(cls: type) -> str:
    return f"{cls.__module__}:{cls.__name__}"


def architecture(generator: type = StandInGenerator, discriminator: type = StandInDiscriminator, **facts: Any) -> Entry:
    return ArchitectureEntry(
        name="bad-architecture",
        summary="a pair",
        generator=_target(generator),
        discriminator=_target(discriminator),
        **facts,
    )


def loss(cls: type = StandInLoss, **facts: Any) -> Entry:
    return LossEntry(**{"name": "bad-loss", "summary": "a loss", "formula": "x", "target": _target(cls), **facts})


def penalty(cls: type = GoodPenalty, **facts: Any) -> Entry:
    return PenaltyEntry(name="bad-penalty", summary="a penalty", formula="x", target=_target(cls), **facts)


def augmentation(cls: type = GoodAugmentation, **facts: Any) -> Entry:
    return AugmentationEntry(name="bad-augmentation", summary="an augmentation", target=_target(cls), **facts)


def dataset(cls: type = GoodSource, **facts: Any) -> Entry:
    known = {"image": ImageSpec(1, 8), **facts}
    return DatasetEntry(name="bad-dataset", summary="a data set", target=_target(cls), **known)


def metric(cls: type = GoodMetric, **facts: Any) -> Entry:
    known = {"name": "bad-metric", "summary": "a metric", "reads": "statistics", **facts}
    return MetricEntry(target=_target(cls), **known)


def extractor(cls: type = GoodExtractor, **facts: Any) -> Entry:
    known = {"features": {"means": 3}, "weights": False, **facts}
    return ExtractorEntry(name="bad-extractor", summary="an extractor", target=_target(cls), **known)


def step(cls: type = SharedNoiseStep, **facts: Any) -> Entry:
    return StepEntry(name="bad-step", summary="a step", target=_target(cls), **facts)


def optimizer(cls: type = GoodOptimizer, **facts: Any) -> Entry:
    return OptimizerEntry(name="bad-optimizer", summary="an optimizer", target=_target(cls), **facts)


GOOD: tuple[Entry, ...] = (
    architecture(), loss(), penalty(), augmentation(), step(), optimizer(), dataset(), extractor(), metric(),
    metric(MeansMetric, name="means", extractor="bad-extractor"),
)  # fmt: skip

ABSENT = 0  # no function
not_a_command = "text"


@click.command()
def undescribed() -> None: ...


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def takes_anything(words: tuple[str, ...]) -> None:
    """Take options that it does not know as words."""


def fetch_anything(address: str) -> Path:
    return Path()


def command(name: str) -> CommandEntry:
    return CommandEntry(name="bad-command", summary="a command", target=f"{__name__}:{name}")


BAD: dict[str, dict[str, Entry]] = {
    "architecture": {
        "interface": architecture(discriminator=NoDiscriminator),
        "shapes": architecture(discriminator=TwoDimensional),
        "dtypes": architecture(Double),
        "value_range": architecture(Bright),
        "batch_of_one": architecture(discriminator=Squeezes),
        "resolutions": architecture(OnlyFours),
        "labels": architecture(ReadsLabels),
        "truncation": architecture(ClaimsTruncation),
        "finite_gradients": architecture(Idle),
        "double_backward": architecture(discriminator=OneBackward),
        "mixing": architecture(discriminator=Mixes),
        "bf16": architecture(discriminator=NoAutocast),
        "save_and_load": architecture(Forgets),
        "determinism": architecture(SetsSeed, SeededDiscriminator),
        "global_random_state": architecture(DrawsGlobally),
        "inputs_left_alone": architecture(WritesLatents),
        "outputs": architecture(discriminator=NoHeads),
        "resumes": architecture(Drifts),
        "devices": architecture(DrawsFromRng),
        "capture_safe": architecture(discriminator=ReadsBack),
        "trains": architecture(BreaksLate),
    },
    "loss": {
        "interface": loss(NoLoss),
        "shapes": loss(Unreduced),
        "facts": loss(WantsReal),
        "dtypes": loss(DoubleLoss),
        "batch_of_one": loss(Deviates),
        "finite_gradients": loss(Logarithm),
        "direction": loss(Backwards),
        "determinism": loss(Counts),
        "global_random_state": loss(RandomLoss),
        "inputs_left_alone": loss(WritesLogits),
        "progress": loss(DividesByProgress),
        "patches": loss(OneLogitEach, patches=True),
        "averaged": loss(Summed),
        "networks_left_alone": loss(ConstrainsInEvaluation),
        "resumes": loss(Remembers),
        "devices": loss(WeighsByOwnRows),
        "capture_safe": loss(BranchesOnValue),
        "trains": loss(LateLoss),
    },
    "penalty": {
        "interface": penalty(NoPenalty),
        "shapes": penalty(Reduced),
        "dtypes": penalty(DoublePenalty),
        "batch_of_one": penalty(LeavesOneOut),
        "finite_gradients": penalty(Root),
        "double_backward": penalty(Detaches),
        "inputs_left_alone": penalty(Overwrites),
        "determinism": penalty(CountingPenalty),
        "global_random_state": penalty(RandomPenalty),
        "networks_left_alone": penalty(Evaluates),
        "progress": penalty(AnnealsTooFar),
        "labels": penalty(NoLabels),
        "patches": penalty(OneLogitOfPenalty, patches=True),
        "resumes": penalty(AveragingPenalty),
        "devices": penalty(DrawsFromRngInPenalty),
        "capture_safe": penalty(ReadingPenalty),
        "trains": penalty(LatePenalty),
    },
    "augmentation": {
        "interface": augmentation(NoAugmentation),
        "shapes": augmentation(Crops),
        "dtypes": augmentation(DoubleAugmentation),
        "strength": augmentation(Unbounded),
        "batch_of_one": augmentation(NormalisesBatch),
        "resolutions": augmentation(ColourOnly),
        "own_draws": augmentation(OneDraw),
        "double_backward": augmentation(OnceAugmentation),
        "save_and_load": augmentation(ForgetfulAugmentation),
        "determinism": augmentation(OwnNoise),
        "global_random_state": augmentation(RandomAugmentation),
        "inputs_left_alone": augmentation(WritesGivenImages),
        "resumes": augmentation(CountsSmallLogits),
        "devices": augmentation(DrawsFromRngInAugmentation),
        "capture_safe": augmentation(ListingAugmentation),
        "trains": augmentation(LateAugmentation),
    },
    "step": {
        "interface": step(NoStep),
        "updates": step(IdleStep),
        "networks_left_alone": step(EvaluatesInStep),
        "determinism": step(CountingStep),
        "global_random_state": step(RandomStep),
        "resumes": step(RememberingStep),
        "devices": step(NoisyStep),
        "capture_safe": step(ReadingStep),
        "trains": step(LateStep),
    },
    "optimizer": {
        "interface": optimizer(HalfOptimizer),
        "updates": optimizer(IdleOptimizer),
        "learning_rate": optimizer(FixedRate),
        "save_and_load": optimizer(ForgetfulOptimizer),
        "global_random_state": optimizer(RandomOptimizer),
        "capture_safe": optimizer(ReadingOptimizer, captured=True),
        "trains": optimizer(LateOptimizer),
    },
    "dataset": {
        "interface": dataset(NoSource),
        "shapes": dataset(Coloured),
        "dtypes": dataset(Signed),
        "labels": dataset(Labelled, image=ImageSpec(1, 8, classes=2)),
        "order": dataset(Shuffled),
        "content_key": dataset(OneKey),
        "splits": dataset(NoTest, reference="test"),
        "held_out": dataset(SameSplits),
        "opens": dataset(Misjudges, image=None),
        "global_random_state": dataset(RandomSource),
    },
    "extractor": {
        "interface": extractor(NoMetric),
        "shapes": extractor(features={"means": 4}),
        "batch_independence": extractor(Normalises),
        "determinism": extractor(Ages),
        "inputs_left_alone": extractor(WritesImages),
        "global_random_state": extractor(DrawsWhenLoaded),
    },
    "metric": {
        "interface": metric(NoMetric),
        "reads": metric(ReadsFeatures),
        "values": metric(NoNumber),
        "direction": metric(lower_is_better=False),
        "inputs_left_alone": metric(WritesFeatures),
        "determinism": metric(CountingMetric),
        "global_random_state": metric(RandomMetric),
    },
    "launcher": {
        "interface": LauncherEntry(name="bad-launcher", summary="a launcher", target=_target(NoLauncher)),
    },
    "command": {
        "interface": command("not_a_command"),
        "shows_help": command("undescribed"),
        "refuses_unknown_options": command("takes_anything"),
    },
    "store": {
        "interface": StoreEntry(name="bad-store", summary="a store", target=f"{__name__}:ABSENT"),
        "refuses_empty_addresses": StoreEntry(name="bad-store", summary="a store", target=_target(fetch_anything)),
    },
    "distribution": {
        "described": loss(summary=""),
    },
}


def plugin_of(*entries: Entry) -> ModuleType:
    """A module that registers them."""
    module = ModuleType("violating")
    for hook, cls in REGISTRATION.items():
        own = [entry for entry in entries if isinstance(entry, cls)]

        def register_all(register: Any, own: list[Entry] = own) -> None:
            for entry in own:
                register(entry)

        if own:
            setattr(module, hook, hookimpl(register_all))
    return module
