"""The settings of a run that may change while it trains. No torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ganzoo.utils.layers import flatten

MISSING = object()  # the value of a setting that one of two configurations lacks
# The core's settings that may change, by section; all of ``metrics`` may change too. No setting of a part may: the core
# cannot know whether it changes a network's shape or what a step means.
MAY_CHANGE = {
    "data": ("name", "root"),  # the same images elsewhere: their fingerprint is compared
    "optimizer.generator": ("lr", "betas", "weight_decay"),
    "optimizer.discriminator": ("lr", "betas", "weight_decay"),
    "ema": ("half_life_kimg", "ramp_up"),
    "loop": ("kimg", "batch", "accumulate", "schedule", "hold", "clip_grad", "precision", "device", "threads",
             "capture", "log_kimg", "snapshot_kimg", "keep", "on_nan", "max_rollbacks"),
}  # fmt: skip

# The old and the new value by dotted key; None for a missing setting.
Changes = Mapping[str, tuple[Any, Any]]


def may_change(key: str) -> bool:
    """Return whether a run may resume with another value of a setting."""
    section, _, name = key.rpartition(".")
    return key.startswith("metrics.") or name in MAY_CHANGE.get(section, ())


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return the settings that differ between two configurations, with both values."""
    old, new = dict(flatten(before)), dict(flatten(after))
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key, MISSING) != new.get(key, MISSING)]
    return {key: (old.get(key), new.get(key)) for key in keys}


def refused(keys: Collection[str]) -> list[str]:
    """Return the settings that may not change; if the recipe is among them, only the recipe."""
    return ["recipe"] if "recipe" in keys else [key for key in keys if not may_change(key)]


def in_words(changes: Changes) -> str:
    """Return the changes as text, each as ``KEY from OLD to NEW``."""
    return ", ".join(f"{key} from {_word(old)} to {_word(new)}" for key, (old, new) in changes.items())


def _word(value: Any) -> str:
    return "null" if value is None else str(value)
