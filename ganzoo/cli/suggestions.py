"""Suggestions of combinations to try first, from the installed parts. No torch here."""

from __future__ import annotations

from collections import Counter

from ganzoo.entries import ArchitectureEntry, LossEntry, PenaltyEntry
from ganzoo.plugin.registry import Registry

COUNT = 3


def suggest(registry: Registry) -> list[tuple[str, str]]:
    """Return recipes, each with its architecture's summary; no architecture or loss occurs twice.

    The first combines the architecture that is tuned for the most losses with the loss for which the most architectures
    are tuned. The others take the remaining losses in the order of their registration. A recipe has the penalties
    that its architecture is tuned for, unless the loss adds its own.
    """
    architectures = sorted(registry.of_kind(ArchitectureEntry), key=lambda entry: -len(entry.tuned))
    tuned = Counter(name for architecture in architectures for name in architecture.tuned)
    usable = (loss for loss in registry.of_kind(LossEntry) if not loss.needs.labels and not loss.needs.outputs)
    losses = {loss.name: loss for loss in usable}
    first = max(losses, key=lambda name: tuned[name], default="")
    pairs = zip(architectures[:COUNT], sorted(losses, key=lambda name: name != first), strict=False)
    return [(_recipe(registry, one, losses[name]), one.summary) for one, name in pairs]


def _recipe(registry: Registry, architecture: ArchitectureEntry, loss: LossEntry) -> str:
    penalties = [name for name in architecture.tuned if registry.lookup(PenaltyEntry, name)]
    return "+".join([architecture.name, loss.name, *([] if loss.penalties else penalties)])
