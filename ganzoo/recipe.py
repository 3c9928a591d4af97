"""The grammar of a combination: ``ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...]``."""

from __future__ import annotations

from dataclasses import dataclass

from ganzoo.entries import ArchitectureEntry, LossEntry, Needs, PenaltyEntry
from ganzoo.errors import GanzooError
from ganzoo.registry import Registry

GRAMMAR = "ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...], for example dcgan+wgan-gp"


@dataclass(frozen=True)
class Recipe:
    """A combination, looked up: whose generator, whose discriminator, which loss and penalties.

    ``penalties`` holds those the loss brings first, then those of the recipe.
    """

    generator: ArchitectureEntry
    discriminator: ArchitectureEntry
    loss: LossEntry
    penalties: tuple[PenaltyEntry, ...]

    @property
    def rules(self) -> tuple[LossEntry | PenaltyEntry, ...]:
        """The loss and the penalties: all that decides what the networks are trained towards."""
        return (self.loss, *self.penalties)

    @property
    def needs(self) -> Needs:
        """What loss and penalties together need of the discriminator."""
        needs = Needs()
        for rule in self.rules:
            needs |= rule.needs
        return needs

    def __str__(self) -> str:
        """The recipe in its shortest form; parsing it gives the same combination."""
        name = self.generator.name
        if self.discriminator is not self.generator:
            name += f"/{self.discriminator.name}"
        own = [p.name for p in self.penalties if p.name not in self.loss.penalties]
        return "+".join([name, self.loss.name, *own])


def parse_recipe(text: str, registry: Registry) -> Recipe:
    """Parse and look up. Raises GanzooError for a malformed recipe or an unknown part, with what is installed."""
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
    penalties = tuple(dict.fromkeys([*loss.penalties, *rest[1:]]))
    if len(set(rest[1:])) < len(rest[1:]):
        raise GanzooError(f"recipe {text!r} names a penalty twice")
    return Recipe(generator, discriminator, loss, tuple(registry.get(PenaltyEntry, name) for name in penalties))
