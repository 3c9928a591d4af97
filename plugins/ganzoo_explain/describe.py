"""Makes a system to draw and print from a configuration."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ganzoo.config.schema import Config
from ganzoo.training.optim import uses_betas
from ganzoo.utils.files import one_line
from ganzoo.utils.waiting import waiting
from ganzoo_explain.diagram import arrows_of, formula_of, parts_of
from ganzoo_explain.facts import Facts, gather
from ganzoo_explain.probe import LOGITS
from ganzoo_explain.system import LEARNERS, Curve, Learner, Setting, System, Tone, Update
from ganzoo_explain.words import round_of, sections_of, settings_of, update_of

SUMMARY = (
    "Two networks play against each other. The generator makes images from random numbers; the discriminator sees "
    "these and real images and says which are which. Each learns from the other, until the generated images look "
    "like real ones."
)
LOOP = ("kimg", "batch", "accumulate", "discriminator_steps", "fresh_fakes", "schedule", "hold", "clip_grad")
TITLES = {"discriminator": "The discriminator's update", "generator": "The generator's update"}


def describe(config: Config, settings: Sequence[str] = ()) -> System:
    """Build the combination and describe it.

    settings: those of the command line, for the command that trains it. Raises GanzooError if a run would refuse the
    combination.
    """
    recipe = one_line(str(config.recipe))
    with waiting(f"building and probing {recipe}"):
        facts = gather(config)
    return System(
        recipe=recipe,
        command=one_line(shlex.join(["ganzoo", "run", recipe, *settings])),
        summary=SUMMARY,
        parts=parts_of(facts),
        arrows=arrows_of(facts),
        round=round_of(facts),
        updates=tuple(_update(facts, learner) for learner in LEARNERS),
        settings=_settings(facts),
        sections=sections_of(facts),
    )


def _update(facts: Facts, learner: Learner) -> Update:
    if learner == "discriminator":
        path = ("Discriminator loss", "d_real and d_fake", "Discriminator (learns)")
    else:
        through = ("Augmentation",) if facts.model.augmentation else ()
        passed = ("d_fake", "Discriminator (frozen)", *through, "generated images")
        path = ("Generator loss", *passed, "Generator (learns)")
    return Update(
        learner, TITLES[learner], formula_of(facts, learner), _curves(facts, learner), path, update_of(facts, learner)
    )


def _curves(facts: Facts, learner: Learner) -> tuple[Curve, ...]:
    real, fake, game = facts.curves.d_real, facts.curves.d_fake, facts.curves.g_fake
    sides: list[tuple[str, Tone, tuple[float, ...]]] = (
        [("d_real", "real", real), ("d_fake", "fake", fake)]
        if learner == "discriminator"
        else [("d_fake", "fake", game)]
    )
    return tuple(Curve(name, tone, tuple(zip(LOGITS, values, strict=True))) for name, tone, values in sides if values)


def _settings(facts: Facts) -> tuple[Setting, ...]:
    """Return the settings of the training. The discriminator's steps are the effective number, wherever it was set."""
    values = facts.config.values
    found = [
        Setting(one.key, str(facts.steps), "discriminator steps per generator step")
        if one.key == "loop.discriminator_steps"
        else one
        for one in settings_of("loop", values.loop, *LOOP)
    ]
    for learner in reversed(LEARNERS):
        optimizer = getattr(values.optimizer, learner)
        betas = ("betas",) if uses_betas(optimizer, facts.config.optimizers.get(optimizer.name)) else ()
        rules = settings_of(f"optimizer.{learner}", optimizer, "name", "lr", *betas)
        found += [Setting(one.key, one.value, f"{one.help}, of the {learner}") for one in rules]
    return tuple(found)
