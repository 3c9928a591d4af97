"""Registers `report` (a run as a page), `watch` (its progress) and `compare` (several runs side by side)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganzoo import CommandEntry, hookimpl

logger = logging.getLogger(f"ganzoo.{__name__}")


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


@hookimpl
def run_finished(run: Path, score: Mapping[str, Any]) -> None:
    """Analyse the newest checkpoint and write the report. Skip a job of a benchmark, since it is timed."""
    from ganzoo.bench.job import is_of_job

    if is_of_job(run):
        return
    from ganzoo.plugin.registry import Registry
    from ganzoo_report.analysis.run import look_or_say_why

    look_or_say_why(Registry.load(), run)
    _write(run)


@hookimpl
def run_stopped(run: Path, reason: str) -> None:
    """Write the report without an analysis, since a user who stops a run does not want to wait.

    After SIGTERM there may be no time for a report, so it is skipped.
    """
    from ganzoo.bench.job import is_of_job

    if reason != "preempted" and not is_of_job(run):
        _write(run)


def _write(run: Path) -> None:
    from ganzoo.runs.run_dir import RunDir
    from ganzoo_report.write import report_or_say_why

    if file := report_or_say_why(RunDir.open(run)):
        logger.info("report: %s", file)
