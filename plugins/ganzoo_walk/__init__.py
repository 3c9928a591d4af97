"""Registers `interpolate`, a film that moves from image to image of a run's generator."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="interpolate",
            summary="Write a film of a walk through a generator's latents.",
            target="ganzoo_walk.commands:interpolate",
            group="Understand and play",
        )
    )
