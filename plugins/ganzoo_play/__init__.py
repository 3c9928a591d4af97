"""Registers `play`, a page in the browser that moves through a generator's latents."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="play",
            summary="Explore the latents of runs in the browser, and play against the discriminator.",
            target="ganzoo_play.commands:play",
            group="Understand and play",
        )
    )
