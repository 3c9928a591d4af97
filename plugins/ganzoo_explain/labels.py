"""Explains the use of labels: which network reads them, what the discriminator outputs for them, who reads that."""

from __future__ import annotations

from ganzoo.drawing import takes_labels
from ganzoo.entries import Entry
from ganzoo.utils.files import one_line
from ganzoo.utils.keywords import accepted
from ganzoo_explain.facts import Facts, by
from ganzoo_explain.system import Learner, Line

CLASSES = "classes"


def are_used(facts: Facts) -> bool:
    """Return whether a network, loss, penalty or step reads the class."""
    model = facts.model
    told = model.generator.conditional or model.discriminator.conditional
    return bool(facts.image.classes and (told or any(_reads(facts, rule) for rule in facts.config.recipe.demanding)))


def of_generator(facts: Facts) -> str:
    """Return a sentence on whether and how the generator reads the class; "" for data without classes."""
    if not facts.image.classes:
        return ""
    if not facts.model.generator.conditional:
        return f"It is not told which of the {facts.image.classes} classes to make."
    demand = " and cannot do without it" if facts.model.generator.conditional == "required" else ""
    return (
        f"It gets the class, one of {facts.image.classes}, in addition to the random numbers{demand}: the same numbers "
        "with another class make another image. In training the classes are those of the real images of the step."
    )


def of_discriminator(facts: Facts) -> tuple[str, ...]:
    """Return sentences on whether the discriminator reads the class, and on its further outputs and its patches."""
    told = []
    if facts.image.classes:
        told.append(
            "It is told the class of each image (for a generated image the requested class), so it judges whether "
            "an image is a real one of that class."
            if facts.model.discriminator.conditional
            else f"It is not told which of the {facts.image.classes} classes an image belongs to."
        )
    if CLASSES in facts.heads:
        told.append(
            f"A class head also says which of the {facts.image.classes} classes the image shows; "
            f"{_readers(facts, CLASSES)} it."
        )
    told += [
        one_line(f"It also returns {name!r}, a tensor of {by(facts.features[name])} for each image; "
                 f"{_readers(facts, name)} it.")
        for name in facts.heads if name != CLASSES
    ]  # fmt: skip
    if facts.patches:
        told.append(f"It gives a logit for each of {by(facts.patches)} patches; the verdict on an image is their mean.")
    return tuple(told)


def reading(facts: Facts, entry: Entry) -> str:
    """Return a sentence on what a loss, penalty or step reads in addition to the logits; "" if nothing."""
    read = _reads(facts, entry)
    return f"It reads {_listed(read)} beside the logits." if read else ""


def generator_lines(facts: Facts) -> tuple[Line, ...]:
    """Return the lines about labels in the generator's box."""
    return (Line("told the class"),) if takes_labels(facts.model.generator) else ()


def discriminator_lines(facts: Facts) -> tuple[Line, ...]:
    """Return the lines about labels and heads in the discriminator's box."""
    told = [Line("told the class")] if facts.image.classes and facts.model.discriminator.conditional else []
    heads = [
        Line(f"class head: {facts.image.classes} logits" if name == CLASSES else one_line(f"gives {name}"))
        for name in facts.heads
    ]
    return (*told, *heads)


def data_lines(facts: Facts) -> tuple[Line, ...]:
    """Return the lines about labels in the box of the real images."""
    return (Line(f"with labels of {facts.image.classes} classes"),) if are_used(facts) else ()


def with_labels(facts: Facts, network: Learner, shape: str) -> str:
    """Return the text of an arrow into a network: the shape, and the labels if the network reads them."""
    told = facts.image.classes and getattr(facts.model, network).conditional
    return f"{shape} + {facts.batch} labels" if told else shape


def _reads(facts: Facts, entry: Entry) -> list[str]:
    recipe = facts.config.recipe
    needs = next(rule.needs for rule in recipe.demanding if rule is entry)
    named = (accepted(getattr(facts.model.loss, side), ("labels",)) for side in ("discriminator", "generator"))
    labels = needs.labels or (entry is recipe.loss and any(named))
    heads = ["the class logits" if name == CLASSES else one_line(repr(name)) for name in needs.outputs]
    return [*(["the labels"] if labels and facts.image.classes else []), *heads]


def _readers(facts: Facts, output: str) -> str:
    names = [one_line(rule.name) for rule in facts.config.recipe.demanding if output in rule.needs.outputs]
    return f"{_listed(names)} {'reads' if len(names) == 1 else 'read'}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
