"""A registry with a third-party plugin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ganzoo import LossEntry, hookimpl
from ganzoo.entries import Entry
from ganzoo.interfaces import Loss
from ganzoo.plugin.registry import Registry


class Absolute(Loss):
    """The loss of the example in CONTRIBUTING.md."""

    def discriminator(self, *, d_real, d_fake):
        return (d_real - 1).abs().mean() + (d_fake + 1).abs().mean()

    def generator(self, *, d_real, d_fake):
        return d_fake.abs().mean()


ABSOLUTE = LossEntry(name="absolute", summary="Absolute distances", target=f"{__name__}:Absolute")


def with_stranger(
    *entries: Entry, hook: str = "register_losses", distribution: str = "ganzoo-absolute", version: str = "1.0"
) -> Registry:
    """Return the installed zoo with another distribution that registers these entries, by default one loss."""

    def register_them(register: Any) -> None:
        for entry in entries or (ABSOLUTE,):
            register(entry)

    registry = Registry.load(strict=True)
    registry.add(lambda: SimpleNamespace(**{hook: hookimpl(register_them)}), "stranger", distribution, version)
    return registry
