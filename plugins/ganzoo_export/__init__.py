"""Registers `export`, which writes a run's generator as ONNX or as a program of torch.export."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="export",
            summary="Write a run's generator as a file for other programs.",
            target="ganzoo_export.commands:export",
            group="Share and export",
        )
    )
