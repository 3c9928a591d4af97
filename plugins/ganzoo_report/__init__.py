"""Registers `report`, `watch` and `compare`: a run as a page, its progress, several runs side by side."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="report",
            summary="Write a run's report.html, during or after training.",
            target="ganzoo_report.commands:report",
            group="Look at runs",
        )
    )
    register(
        CommandEntry(
            name="watch",
            summary="Show a run in progress from another terminal.",
            target="ganzoo_report.commands:watch",
            group="Look at runs",
        )
    )
    register(
        CommandEntry(
            name="compare",
            summary="Put curves, scores and images of several runs side by side.",
            target="ganzoo_report.commands:compare",
            group="Look at runs",
        )
    )
