"""The messages of the conformance kit: one line names the cause of a mistake, and correct parts pass."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from support.verdicts import failures, plan_of
from support.violations import (
    architecture,
    augmentation,
    augmentations,
    loss,
    losses,
    networks,
    penalties,
    penalty,
    plugin_of,
    step,
    steps,
)
from torch import nn

from ganzoo.entries import ImageSpec, Needs
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Loss, Penalty, whole_batch
from ganzoo.plugin.registry import Registry
from ganzoo.testing import stand_ins
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import (
    ConditionalDiscriminator,
    ConditionalGenerator,
    StandInGenerator,
    StandInLoss,
    disc_images,
)
from ganzoo.testing.verdict import Result
from ganzoo.training.step import TrainingStep

DRAWN = "two devices train other weights than one: numbers are drawn from the rng itself at violations/"


def results(entry, *checks: str) -> list[Result]:
    return [case.result() for case in plan_of(entry).cases if not checks or case.name in checks]


@pytest.mark.parametrize(
    ("entry", "check", "says"),
    [
        (architecture(networks.WritesLatents), "inputs_left_alone", "the generator writes into its latents;"),
        (
            architecture(discriminator=networks.WritesShownImages),
            "inputs_left_alone",
            "the discriminator writes into its images;",
        ),
        (
            architecture(discriminator=networks.WritesLabels),
            "inputs_left_alone",
            "the discriminator writes into the labels;",
        ),
        (architecture(networks.IgnoresLabels), "labels", "the generator says conditional = True, but gives the same"),
        (
            architecture(discriminator=networks.JudgesIgnoringLabels),
            "labels",
            "the discriminator says conditional = True, but gives the same logits for all labels",
        ),
        (
            architecture(discriminator=networks.NoHeads),
            "outputs",
            "the discriminator was built with needs.outputs=('classes',), but outputs() has no classes; give it,",
        ),
        (architecture(discriminator=networks.OtherLogits), "outputs", "the logits of outputs() differ from those"),
        (architecture(discriminator=networks.DetachedHead), "outputs", "the output embedding has no gradient;"),
        (architecture(networks.Drifts), "resumes", "since these are not buffers: the generator's drift;"),
        (architecture(networks.DrawsFromRng), "devices", DRAWN),
        (loss(losses.WritesLogits), "inputs_left_alone", "the discriminator's loss writes into d_real;"),
        (loss(losses.WritesInPlace), "inputs_left_alone", "the generator's loss writes into d_fake;"),
        (loss(losses.WritesLabelsOfLoss), "inputs_left_alone", "the discriminator's loss writes into labels;"),
        (loss(losses.DividesByProgress), "progress", "the generator's loss is not finite at progress 0"),
        (
            loss(losses.Summed),
            "averaged",
            "repeating the batch makes the gradient of the discriminator's loss with respect to d_real 2 times",
        ),
        (loss(losses.Remembers), "resumes", "since these are not buffers: the loss's average;"),
        (
            penalty(penalties.Evaluates),
            "networks_left_alone",
            "the penalty leaves the discriminator in evaluation mode",
        ),
        (
            penalty(penalties.Freezes),
            "networks_left_alone",
            "the penalty leaves the discriminator with requires_grad=False in body.1.weight;",
        ),
        (penalty(penalties.WritesLabelsOfPenalty), "inputs_left_alone", "the penalty writes into inputs.labels;"),
        (penalty(penalties.NoLabels), "labels", "the penalty runs a network without the labels,"),
        (
            penalty(penalties.AveragingPenalty),
            "resumes",
            "since these are not buffers: the penalty bad-penalty's average;",
        ),
        (penalty(penalties.DrawsFromRngInPenalty), "devices", DRAWN),
        (augmentation(augmentations.DrawsFromRngInAugmentation), "devices", DRAWN),
        (step(steps.RememberingStep), "resumes", "since these are not buffers: the step's average;"),
        (step(steps.NoisyStep), "devices", DRAWN),
        (step(steps.UnpenalisedGenerator), "penalties", "a penalty on the generator has no effect on its weights; add"),
        (
            step(steps.UnpenalisedApart),
            "penalties",
            "a penalty on the discriminator has no effect on its weights with loop.fresh_fakes=true",
        ),
        (step(steps.PlainFakes), "augmentation", "judges images without the recipe's augmentation; judge all images"),
        (step(steps.PlainForGenerator), "augmentation", "judges images without the recipe's augmentation; judge all"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_one_line_names_the_cause(entry, check, says):
    (message,) = [result.message for result in results(entry, check) if result.check == check]
    assert says in message and "\n" not in message


def refuse_unlabelled(image):
    if not image.classes:
        raise ValueError("it draws classes; choose a data set with labels")


@pytest.mark.parametrize("check_image", [None, refuse_unlabelled], ids=["constructor", "check_image"])
def test_a_purely_conditional_architecture_conforms(check_image):
    facts = {"check_image": check_image} if check_image else {}
    found = results(architecture(ConditionalGenerator, ConditionalDiscriminator, **facts))
    assert failures(found) == {}
    assert [result.check for result in found if result.subject.startswith("arch") and result.status == "skipped"] == [
        "truncation"
    ]


def test_an_architecture_that_refuses_unlabelled_images_says_so():
    found = results(architecture(check_image=refuse_unlabelled))
    assert "neither network says conditional" in failures(found)["architecture interface"]


class ZeroGains(StandInGenerator):
    """A conditional generator whose classes are all alike before training."""

    conditional = True

    def __init__(self, image, params):
        super().__init__(image, params)
        self.classes = nn.Embedding(max(image.classes, 1), self.latent_dim)
        nn.init.zeros_(self.classes.weight)

    def forward(self, latents, labels=None, **named):
        moved = latents if labels is None else latents + self.classes(labels)
        return super().forward(moved, None, **named)


def test_classes_that_are_alike_at_the_beginning_are_no_mistake():
    assert failures(results(architecture(ZeroGains, ConditionalDiscriminator), "interface", "labels")) == {}


class ReadsHeads(Loss):
    """A loss that reads classes, an embedding, labels and progress, and keeps a moving average in a buffer."""

    def __init__(self, params):
        super().__init__(params)
        self.register_buffer("average", torch.zeros(()))

    def discriminator(self, *, d_real, d_fake, real_outputs, fake_outputs, labels, progress):
        self.average.lerp_(whole_batch(d_real.detach()).mean(), 0.1)
        classified = nn.functional.cross_entropy(real_outputs.classes, labels)
        apart = real_outputs.features["embedding"].square().mean() + fake_outputs.features["embedding"].square().mean()
        logistic = nn.functional.softplus(-d_real).mean() + nn.functional.softplus(d_fake - self.average).mean()
        return logistic + progress * classified + 0.1 * apart

    def generator(self, *, d_real, d_fake, fake_outputs, labels):
        return nn.functional.softplus(-d_fake).mean() + nn.functional.cross_entropy(fake_outputs.classes, labels)


class InBothSteps(Penalty):
    def __call__(self, inputs):
        assert (inputs.real_outputs is None) == (inputs.step_of == "generator")
        wrong = nn.functional.cross_entropy(inputs.fake_outputs.classes, inputs.labels, reduction="none")
        return wrong + inputs.fake_outputs.features["layer.2"].square().mean(1)


class EachPatch(Penalty):
    """A penalty with a row of values for each sample."""

    def __call__(self, inputs):
        return (inputs.real_outputs.logits + inputs.fake_outputs.logits).square().reshape(len(inputs.real), -1)


@pytest.mark.parametrize(
    "entry",
    [
        loss(losses.RemembersInBuffer),
        loss(ReadsHeads, needs=Needs(labels=True, outputs=("classes", "embedding"))),
        loss(StandInLoss, patches=True),
        penalty(penalties.AveragingInBuffer),
        penalty(InBothSteps, network="both", needs=Needs(labels=True, outputs=("classes", "layer.2"))),
        penalty(EachPatch, patches=True),
        step(TrainingStep),
        step(steps.ReadingStep, captured=False),
    ],
    ids=lambda entry: entry.target.partition(":")[2],
)
def test_what_the_contract_allows_conforms(entry):
    ours = [result for result in results(entry) if not result.subject.startswith("distribution")]
    skipped = [result.check for result in ours if result.status == "skipped"]
    assert failures(ours) == {} and set(skipped) <= {"patches", "capture_safe"}


def test_a_penalty_without_a_value_for_each_sample_is_refused_in_training():
    registry = Registry.load(strict=False, points=[], files=[])
    registry.add(partial(plugin_of, penalty(penalties.Reduced)), "bad", "bad-dist", "1.0")
    registry.add(lambda: stand_ins, "stand-ins", stand_ins.DISTRIBUTION, "1.0")
    rig = Rig(registry)
    config = rig.config(f"{stand_ins.NAME}+{stand_ins.NAME}+bad-penalty")
    loop = rig.loop(config, disc_images(ImageSpec(1, 8)))
    with pytest.raises(
        GanzooError, match=r"the penalty bad-penalty has shape \(\), must have a value for each of the 8"
    ):
        loop.iteration()
