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
    """Write a run's report.html, while it trains or after."""
    from ganzoo.folder import RunFolder
    from ganzoo.report.facts import read_facts
    from ganzoo.report.write import write_report

    folder = RunFolder.open(run)
    seen = _state(folder.samples)
    typer.echo(write_report(folder))
    while follow and not read_facts(folder).finished:
        time.sleep(PAUSE)
        now = _state(folder.samples)
        if now != seen:
            seen = now
            write_report(folder)
    if follow:
        write_report(folder)


def _state(samples: Path) -> list[str]:
    return sorted(path.name for path in samples.glob("*.png"))
