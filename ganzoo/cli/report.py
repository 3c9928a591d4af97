"""`ganzoo report`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

PAUSE = 2.0  # seconds between looks at a run that is followed


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)],
    follow: Annotated[
        bool, typer.Option("--follow", help="Write it anew at each snapshot until the run is finished.")
    ] = False,
) -> None:
    """Write a run's report.html, while it trains or after, with a closer look at its newest checkpoint."""
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.reader import read_facts
    from ganzoo.runs.run_dir import RunFolder
    from ganzoo_report.analysis.run import look_or_say_why
    from ganzoo_report.write import write_report

    folder = RunFolder.open(run)
    registry, seen = Registry.load(), _state(folder.samples)
    look_or_say_why(registry, run)
    typer.echo(write_report(folder))
    while follow and not read_facts(folder).finished:
        time.sleep(PAUSE)
        now = _state(folder.samples)
        if now != seen:
            seen = now
            write_report(folder)
    if follow:
        look_or_say_why(registry, run)
        write_report(folder)


def _state(samples: Path) -> list[str]:
    return sorted(path.name for path in samples.glob("*.png"))
