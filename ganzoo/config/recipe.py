"""The grammar of a combination: ``ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...][+AUGMENTATION][+STEP]``."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TypeVar

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    DatasetEntry,
    Entry,
    LossEntry,
    Needs,
    PenaltyEntry,
    StepEntry,
)
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import user_path

E = TypeVar("E", bound=Entry)
GRAMMAR = "ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...][+AUGMENTATION][+STEP], for example dcgan+wgan-gp"


@dataclass(frozen=True)
class Recipe:
    """The entries of a combination: architectures, loss, penalties, augmentation and step.

    generator, discriminator: the architectures that provide each network. penalties: the loss's own first, then those
    that the recipe names.
    """

    generator: ArchitectureEntry
    discriminator: ArchitectureEntry
    loss: LossEntry
    penalties: tuple[PenaltyEntry, ...]
    augmentation: AugmentationEntry | None = None
    step: StepEntry | None = None

    @property
    def parts(self) -> tuple[Entry, ...]:
        """Every entry of the combination."""
        return (self.generator, self.discriminator, *self.rules, *self.extras)

    @property
    def extras(self) -> tuple[AugmentationEntry | StepEntry, ...]:
        """The augmentation and the step, if the recipe has them."""
        return tuple(entry for entry in (self.augmentation, self.step) if entry is not None)

    @property
    def rules(self) -> tuple[LossEntry | PenaltyEntry, ...]:
        """The loss and the penalties: the parts that define the training objective."""
        return (self.loss, *self.penalties)

    @property
    def demanding(self) -> tuple[LossEntry | PenaltyEntry | StepEntry, ...]:
        """The parts that may need something from the discriminator: loss, penalties and step."""
        return (*self.rules, *([self.step] if self.step else []))

    @property
    def needs(self) -> Needs:
        """The combined needs of loss, penalties and step, which the discriminator must meet."""
        return reduce(or_, (part.needs for part in self.demanding))

    @property
    def penalty_keys(self) -> dict[str, PenaltyEntry]:
        """The penalties by their key under ``penalties`` in a configuration: the name, with ``_`` for other characters
        than letters and digits.

        The key does not depend on what else is installed, unless a recipe has two penalties with the same short name.
        """
        count = Counter(entry.short for entry in self.penalties)
        named = ((entry.short if count[entry.short] == 1 else entry.name, entry) for entry in self.penalties)
        return {re.sub(r"\W", "_", name): entry for name, entry in named}

    def __str__(self) -> str:
        """Return the recipe in its shortest form, which parses to the same combination."""
        name = self.generator.name
        if self.discriminator is not self.generator:
            name += f"/{self.discriminator.name}"
        own = [entry.name for entry in self.penalties[len(self.loss.penalties) :]]
        return "+".join([name, self.loss.name, *own, *(entry.name for entry in self.extras)])


def parse_recipe(text: str, registry: Registry) -> Recipe:
    """Parse a recipe and look up its parts. Raises GanzooError for a malformed recipe, for an unknown part, with a list
    of what is installed, and for parts that do not go together."""
    architectures, *rest = (part.strip() for part in text.strip().split("+"))
    if not rest or not architectures or not all(rest):
        raise GanzooError(f"recipe {text!r} is not of the form {GRAMMAR}")
    names = [part.strip() for part in architectures.split("/")]
    if len(names) > 2 or not all(names):
        raise GanzooError(
            f"recipe {text!r}: {architectures!r} is not ARCH or ARCH/DISCRIMINATOR; the form is {GRAMMAR}"
        )
    generator = registry.get(ArchitectureEntry, names[0])
    discriminator = registry.get(ArchitectureEntry, names[-1])
    loss = registry.get(LossEntry, rest[0])
    if len(set(rest[1:])) < len(rest[1:]):
        raise GanzooError(f"recipe {text!r} names a part twice")
    extras = [registry.get_one_of((PenaltyEntry, AugmentationEntry, StepEntry), name) for name in rest[1:]]
    brought = [registry.get(PenaltyEntry, name, near=loss) for name in loss.penalties]
    penalties = {entry.name: entry for entry in [*brought, *extras] if isinstance(entry, PenaltyEntry)}
    augmentation = _only([entry for entry in extras if isinstance(entry, AugmentationEntry)], text)
    step = _only([entry for entry in extras if isinstance(entry, StepEntry)], text)
    if augmentation and augmentation.reads_border and not loss.zero_is_border:
        raise GanzooError(
            f"recipe {text!r}: {augmentation.name} adapts to the sign of the logits, which has no meaning for "
            f"{loss.name}; choose another loss or augmentation"
        )
    return Recipe(generator, discriminator, loss, tuple(penalties.values()), augmentation, step)


def _only(entries: list[E], text: str) -> E | None:
    """Return the only one of these entries, None without any. Raises GanzooError if there are more."""
    if len(entries) > 1:
        raise GanzooError(f"recipe {text!r} names {len(entries)} {entries[0].kind}s; name at most one")
    return entries[0] if entries else None


def parse_data(text: str, registry: Registry) -> tuple[DatasetEntry, str | None]:
    """Parse ``data.name``: ``NAME`` or ``NAME:PATH``, each optionally with ``DISTRIBUTION:`` before it.

    Return the entry and the location; the location is None if the text has none. Raises GanzooError for an unknown
    data set.
    """
    first, _, rest = text.partition(":")
    second, _, location = rest.partition(":")
    full = registry.lookup(DatasetEntry, f"{first}:{second}") if second else None
    if full:
        return full, location or None
    if registry.lookup(DatasetEntry, first) is None and (advice := _advice_for_path(text, registry)):
        raise GanzooError(f"data.name={text}: {advice}")
    return registry.get(DatasetEntry, first), rest or None


def _advice_for_path(text: str, registry: Registry) -> str:
    """Return advice on how to name a data set by its path; "" for a text that is not a path."""
    known = {what: f"{entry.name}:" for entry in registry.of_kind(DatasetEntry) for what in entry.opens}
    try:
        path = user_path(text)
        there, directory = path.exists(), path.is_dir()
    except (OSError, ValueError):
        return ""
    if there:
        form = known.get("/" if directory else path.suffix.lower())
        if form is None:
            return f"it is not a file of images; name a {' or '.join(sorted(set(known) - {'/'}))} or a directory"
        return f"a path needs the name of a data set before it; write data.name={form}{text}"
    if os.sep not in text or "://" in text:
        return ""
    forms = " or ".join(f"{form}PATH" for form in dict.fromkeys(known.values()))
    return f"there is no such file or directory, and no such data set; write {forms}"
