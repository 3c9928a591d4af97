"""Registers `explain`: a combination as a diagram with an explanation of every part."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="explain",
            summary="Draw a combination and explain every part of it.",
            target="ganzoo_explain.commands:explain",
            group="Understand and play",
        )
    )
