"""Explains every part of a combination in a few plain sentences, for readers who are new to GANs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ganzoo.drawing import takes_labels
from ganzoo.entries import Entry, PenaltyEntry
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.models.build import parameter_count
from ganzoo.utils.files import one_line
from ganzoo_explain import labels
from ganzoo_explain.facts import Facts
from ganzoo_explain.formulas import how_often
from ganzoo_explain.probe import goal
from ganzoo_explain.system import Learner, Section, Setting


def sections_of(facts: Facts) -> tuple[Section, ...]:
    """Return the parts in the order of the diagram, then the penalties, the step and the weight average."""
    recipe = facts.config.recipe
    penalties = zip(recipe.penalty_keys.items(), facts.model.penalties, strict=True)
    return (
        _latents(facts),
        _generator(facts),
        _images(facts),
        *([_augmentation(facts)] if recipe.augmentation else []),
        _discriminator(facts),
        _verdict(facts),
        _losses(facts),
        *(_penalty(facts, key, entry, scheduled) for (key, entry), scheduled in penalties),
        *([_step(facts)] if recipe.step else []),
        _average(facts),
    )


def settings_of(prefix: str, params: Any, *names: str) -> tuple[Setting, ...]:
    """Return a dataclass's values as ``KEY=VALUE``, each with its help: all of them, or only ``names``."""
    items = [item for item in fields(params) if not names or item.name in names]
    return tuple(
        Setting(f"{prefix}.{item.name}", _value(getattr(params, item.name)), one_line(item.metadata.get("help", "")))
        for item in items
    )


def round_of(facts: Facts) -> tuple[str, ...]:
    """Return sentences about one round of training, in the order of events."""
    batch, steps, loop = facts.batch, facts.steps, facts.config.values.loop
    fresh = loop.fresh_fakes or loop.accumulate > 1
    shown = "Both are changed at random by the augmentation and shown" if facts.model.augmentation else "Both are shown"
    drawn = " with their labels" if labels.are_used(facts) else ""
    asked = ", each for the class of a real one" if takes_labels(facts.model.generator) else ""
    lines = [
        f"{batch} real images are drawn{drawn}, and {batch} random inputs, from which the generator makes {batch} "
        f"images{asked}.",
        f"{shown} to the discriminator. Its loss is computed from its verdicts, and its "
        f"{facts.discriminator.weights:,} weights move one small step in the direction that lowers the loss.",
    ]
    if steps > 1:
        lines.append(f"This is done {steps} times, each time with other images, before the generator's turn.")
    lines += [
        f"For its own turn the generator makes {batch} new images, which the discriminator judges."
        if fresh
        else "The generator learns from the same images: the discriminator judges them once more after its own step.",
        "The generator's loss is computed from these verdicts. Its gradient flows back through the discriminator, "
        f"which does not change, into the images and on into the generator, whose {facts.generator.weights:,} weights "
        "move one small step.",
    ]
    images = loop.kimg * 1000
    rounds = max(1, round(images / (batch * steps)))
    lines.append(f"Then the next round: about {rounds:,}, until {images:,.0f} real images have been shown.")
    return tuple(lines)


def update_of(facts: Facts, learner: Learner) -> tuple[str, ...]:
    """Return sentences about one update: the weights it changes, the path of the gradient, bounds and penalties."""
    penalties = [p for p in facts.model.penalties if p.network in (learner, "both")]
    network, optimizer = getattr(facts, learner), getattr(facts.config.values.optimizer, learner)
    rate = f"by {one_line(optimizer.name)} at a learning rate of {optimizer.lr:g}"
    if learner == "discriminator":
        turns = "once" if facts.steps == 1 else f"{facts.steps} times"
        lines = [
            f"Changes the discriminator's {network.weights:,} weights, {turns} a round, {rate}. The generator's "
            "weights do not change: the gradient ends in the discriminator."
        ]
        if facts.bounds_weights:
            lines.append("After each step the loss also constrains the discriminator's weights.")
    else:
        lines = [
            f"Changes the generator's {network.weights:,} weights, once a round, {rate}. The gradient passes through "
            "the discriminator, whose weights are frozen meanwhile, and tells for each pixel in which direction a "
            "change would help the generator."
        ]
        if facts.config.recipe.loss.generator_needs_real:
            lines.append("The verdicts on real images are used for comparison; no gradient flows to the images.")
    if penalties:
        lines.append("Penalties: " + ", ".join(f"{p.name} {how_often(p.interval)}" for p in penalties) + ".")
    else:
        lines.append("No penalty applies here.")
    return tuple(lines)


def _latents(facts: Facts) -> Section:
    count = " × ".join(map(str, facts.latent))
    lines = [
        f"{count} random numbers for each image, also called a latent"
        + (", drawn from a bell curve (mean 0, deviation 1)." if facts.normal_latents else "."),
        "They are the generator's only input: other numbers give another image. Training gives them a meaning.",
    ]
    if takes_labels(facts.model.generator):
        lines.append(f"A label, one of {facts.image.classes} classes, comes with them and says what to make.")
    return Section("Random input", "", tuple(lines))


def _generator(facts: Facts) -> Section:
    entry = facts.config.recipe.generator
    return Section(
        "Generator",
        facts.named(entry),
        (
            "A network that turns random numbers into an image. It never sees a real image: it learns only from the "
            "discriminator, which shows how its images would have to change to look more real.",
            *filter(None, [labels.of_generator(facts)]),
            _here(entry),
        ),
        one_line(entry.paper),
        settings_of("generator", facts.config.values.generator),
    )


def _images(facts: Facts) -> Section:
    image, dataset = facts.image, facts.config.dataset
    lines = [
        f"The examples to imitate, {image.size} × {image.size} pixels with {image.channels} "
        f"channel{'s' * (image.channels != 1)}. The discriminator is always shown as many real images as generated "
        f"ones, {facts.batch} of each in a step.",
        _here(dataset),
    ]
    if image.classes and not labels.are_used(facts):
        lines.append(f"Their {image.classes} classes are not used: the networks are not told what an image shows.")
    return Section(
        "Real images",
        facts.named(dataset),
        tuple(lines),
        one_line(dataset.paper),
        settings_of("data", facts.config.values.data, "name", "split", "size", "mirror"),
    )


def _augmentation(facts: Facts) -> Section:
    entry = facts.config.recipe.augmentation
    assert entry is not None
    return Section(
        "Augmentation",
        facts.named(entry),
        (
            "Changes every image at random before the discriminator sees it, real and generated alike, so that it "
            "cannot memorise the real ones. The gradient passes through it on its way to the generator.",
            _here(entry),
        ),
        one_line(entry.paper),
        settings_of("augmentation", facts.config.values.augmentation),
    )


def _discriminator(facts: Facts) -> Section:
    entry, mixes = facts.config.recipe.discriminator, facts.model.discriminator.mixes_samples
    return Section(
        "Discriminator",
        facts.named(entry),
        (
            "A network that looks at an image and returns one number: the higher, the more real the image looks. It "
            "learns to tell real images from generated ones, and it is the generator's only teacher.",
            "A verdict also depends on the other images of the batch, so it gets real and generated images separately."
            if mixes
            else "It judges each image by itself.",
            *labels.of_discriminator(facts),
            _here(entry),
        ),
        one_line(entry.paper),
        settings_of("discriminator", facts.config.values.discriminator),
    )


def _verdict(facts: Facts) -> Section:
    loss = facts.config.recipe.loss
    if loss.probability:
        lines = (
            "One number for each image, its logit. Above 0 it says real, below 0 fake. The sigmoid s turns it into the "
            "probability of being real: 0 is 50 %, 2 is 88 %, -2 is 12 %.",
            "It is right if it calls a real image real or a generated one fake. As the generator learns, it is right "
            "less often, down to half of the time: a guess.",
        )
    elif loss.zero_is_border:
        lines = (
            "One number for each image. Above 0 it says real, below 0 fake; the further from 0, the surer. It is not "
            "a probability.",
            "It is right if it calls a real image real or a generated one fake. As the generator learns, it is right "
            "less often, down to half of the time: a guess.",
        )
    else:
        lines = (
            "One number for each image, without a border between real and fake: only comparisons count, and the image "
            "that looks more real gets the higher number.",
            "Pairs show how well it tells the two apart: how often it ranks the real image above the generated one. "
            "As the generator learns, this falls towards half of the time: a guess.",
        )
    return Section("Verdict", "", lines)


def _losses(facts: Facts) -> Section:
    entry, curves = facts.config.recipe.loss, facts.curves
    lines = [
        "Each network minimises its loss. The discriminator's loss is small if it tells real from generated images; "
        "the generator's loss is small if the discriminator takes the generated images for real. E[...] is the mean "
        "over the images of a step.",
        _here(entry),
        *filter(None, [labels.reading(facts, entry)]),
    ]
    drives = [("d_real", goal(curves.d_real)), ("d_fake", goal(curves.d_fake))]
    told = " and ".join(f"{name} {where}" for name, where in drives if where)
    if told:
        lines.append(f"Here the discriminator drives {told}" + (_generators_goal(goal(curves.g_fake))) + ".")
    return Section(
        "The two losses", facts.named(entry), tuple(lines), one_line(entry.paper),
        settings_of("loss", facts.config.values.loss),
    )  # fmt: skip


def _generators_goal(where: str) -> str:
    return f", and the generator drives d_fake {where}; these opposite aims are the game" if where else ""


def _penalty(facts: Facts, key: str, entry: PenaltyEntry, scheduled: ScheduledPenalty) -> Section:
    recipe = facts.config.recipe
    whose = "each network's" if entry.network == "both" else f"the {entry.network}'s"
    lazily = f" with {scheduled.interval} times its weight" if scheduled.interval > 1 else ""
    own = entry in recipe.penalties[: len(recipe.loss.penalties)]
    brought = " The loss adds it." if own else ""
    return Section(
        "Penalty",
        facts.named(entry),
        (
            f"A further term in {whose} loss, {how_often(scheduled.interval)}{lazily}. It does not ask "
            f"for better verdicts: it keeps the network well behaved, so that both can continue to learn.{brought}",
            _here(entry),
            *filter(None, [labels.reading(facts, entry)]),
        ),
        one_line(entry.paper),
        settings_of(f"penalties.{key}", getattr(facts.config.values.penalties, key)),
    )


def _step(facts: Facts) -> Section:
    entry = facts.config.recipe.step
    assert entry is not None
    lines = ["Changes how the two networks are trained, so a round may differ from this description.", _here(entry)]
    for side, network in facts.model.companions.items():
        lines.append(f"A further network of {parameter_count(network):,} weights learns with the {side}.")
    return Section(
        "Step", facts.named(entry), tuple(lines), one_line(entry.paper), settings_of("step", facts.config.values.step)
    )


def _average(facts: Facts) -> Section:
    ema = facts.config.values.ema
    line = (
        "A moving average of the generator's weights. It is steadier than the generator of the last step and takes no "
        "part in training."
        if ema.half_life_kimg
        else "The generator of the last step: its moving average has a half-life of 0."
    )
    return Section("What is shown and scored", "", (line,), settings=settings_of("ema", ema))


def _here(entry: Entry) -> str:
    """Return a sentence with an entry's name and summary."""
    text = one_line(f"Here it is {entry.name}: {entry.summary}")
    return text if text[-1] in ".?!" else f"{text}."


def _value(value: Any) -> str:
    """Return a value as the command line takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_value, value))}]"
    return one_line(str(value))
