"""The diagram of a combination: its boxes and the arrows between them."""

from __future__ import annotations

from ganzoo.utils.files import one_line
from ganzoo_explain import labels
from ganzoo_explain.facts import Facts, Network, by
from ganzoo_explain.formulas import loss_formula, penalty_formula
from ganzoo_explain.system import Arrow, Learner, Line, Part, Side

DISCRIMINATOR: Learner = "discriminator"
GENERATOR: Learner = "generator"


def parts_of(facts: Facts) -> tuple[Part, ...]:
    """Return every box, in the order in which data reaches it."""
    recipe = facts.config.recipe
    numbers, image = by(facts.latent), facts.image
    images = (Line(f"{facts.batch} images"), Line(by((image.channels, image.size, image.size))))
    data = Line(one_line(facts.config.values.data.name), "strong")
    found = [
        Part("latents", "Random input", "fake", (Line(f"{numbers} numbers an image"), Line(_prior(facts)))),
        Part(
            "generator",
            "Generator",
            "fake",
            (*_network(recipe.generator.name, facts.generator), *labels.generator_lines(facts)),
            GENERATOR,
        ),
        Part("dataset", "Real images", "real", (data, Line("the examples to imitate"), *labels.data_lines(facts))),
        Part("fakes", "Sample: generated", "fake", images),
        Part("reals", "Sample: real", "real", images),
    ]
    if recipe.augmentation:
        words = (Line(one_line(recipe.augmentation.name), "strong"), Line("changes both kinds alike, at random"))
        found.append(Part("augmentation", "Augmentation", "both", words))
    found += [
        Part("discriminator", "Discriminator", "both", 
             (*_network(recipe.discriminator.name, facts.discriminator), *labels.discriminator_lines(facts)),
             DISCRIMINATOR),
        Part("d_fake", "Verdict d_fake", "fake", (Line("on generated images"), *_verdict(facts))),
        Part("d_real", "Verdict d_real", "real", (Line("on real images"), *_verdict(facts))),
        _loss(facts, GENERATOR, "fake"),
        _loss(facts, DISCRIMINATOR, "real"),
    ]  # fmt: skip
    return tuple(found)


def arrows_of(facts: Facts) -> tuple[Arrow, ...]:
    """Return the arrows between the boxes, with the gradients that flow back along them.

    The gradient of the discriminator's update ends in the discriminator, since its fakes are detached from the
    generator. The gradient of the generator's update flows through the discriminator and the augmentation to the
    generator.
    """
    recipe, images, logits = facts.config.recipe, facts.images, by((facts.batch, *facts.patches))
    seen = "augmentation" if recipe.augmentation else "discriminator"
    judged = labels.with_labels(facts, DISCRIMINATOR, images)
    shown = images if recipe.augmentation else judged
    found = [
        Arrow("latents", "generator", labels.with_labels(facts, GENERATOR, by((facts.batch, *facts.latent)))),
        Arrow("generator", "fakes", images, (GENERATOR,)),
        Arrow("dataset", "reals", images),
        Arrow("fakes", seen, shown, (GENERATOR,)),
        Arrow("reals", seen, shown),
    ]
    if recipe.augmentation:
        found += [
            Arrow("augmentation", "discriminator", judged, (GENERATOR,), "fake"),
            Arrow("augmentation", "discriminator", judged, (), "real"),
        ]
    found += [
        Arrow("discriminator", "d_fake", logits, (DISCRIMINATOR, GENERATOR)),
        Arrow("discriminator", "d_real", logits, (DISCRIMINATOR,)),
        Arrow("d_fake", "loss_generator", logits, (GENERATOR,)),
        Arrow("d_fake", "loss_discriminator", logits, (DISCRIMINATOR,)),
        Arrow("d_real", "loss_discriminator", logits, (DISCRIMINATOR,)),
    ]
    if recipe.loss.generator_needs_real:
        found.append(Arrow("d_real", "loss_generator", logits))
    return tuple(found)


def formula_of(facts: Facts, learner: Learner) -> tuple[Line, ...]:
    """Return the formula that one network minimises: its side of the loss, and every penalty on it."""
    recipe, values = facts.config.recipe, facts.config.values
    lines = loss_formula(recipe.loss, learner, values.loss)
    for (key, entry), scheduled in zip(recipe.penalty_keys.items(), facts.model.penalties, strict=True):
        if entry.network in (learner, "both"):
            lines += penalty_formula(entry, scheduled, getattr(values.penalties, key), learner)
    return lines


def _loss(facts: Facts, learner: Learner, side: Side) -> Part:
    name = Line(one_line(facts.config.recipe.loss.name), "strong")
    return Part(f"loss_{learner}", f"{learner.capitalize()} loss", side, (name, *formula_of(facts, learner)), learner)


def _network(name: str, network: Network) -> tuple[Line, ...]:
    return (
        Line(one_line(name), "strong"),
        Line(f"{network.weights:,} weights"),
        Line(" → ".join(network.stages)),
    )


def _prior(facts: Facts) -> str:
    return "from a standard normal" if facts.normal_latents else "from the generator's own prior"


def _verdict(facts: Facts) -> tuple[Line, ...]:
    loss = facts.config.recipe.loss
    if not loss.zero_is_border:
        return Line("higher: more real", "real"), Line("lower: more fake", "fake")
    lines = Line("above 0: real", "real"), Line("below 0: fake", "fake")
    return (*lines, Line("s(d): probability of real")) if loss.probability else lines
