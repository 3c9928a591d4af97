"""`ganzoo report`, `ganzoo watch` and `ganzoo compare`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import ganzoo
from ganzoo.cli.completion import complete_run
from ganzoo.cli.options import PATH, check_file, run_argument, write_file

if TYPE_CHECKING:
    from ganzoo.runs.run_dir import RunDir

PAUSE = 2.0  # seconds between two checks of a run with --follow


@click.command()
@run_argument
@click.option("--follow", is_flag=True, help="Write it again at each snapshot until the run is finished.")
def report(run: Path, follow: bool) -> None:
    """Write a run's report.html, during or after training, with an analysis of its newest checkpoint."""
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.run_dir import RunDir
    from ganzoo_report.analysis.run import look_or_say_why
    from ganzoo_report.write import write_report

    directory = RunDir.open(run)
    registry, seen = Registry.load(), _state(directory.samples)
    look_or_say_why(registry, run)
    click.echo(write_report(directory))
    while follow and not _over(directory):
        time.sleep(PAUSE)
        now = _state(directory.samples)
        if now != seen:
            seen = now
            write_report(directory)
    if follow:
        look_or_say_why(registry, run)
        write_report(directory)


def _over(directory: RunDir) -> bool:
    """Return whether a run has its last score, was stopped after its training, or is a published one."""
    from ganzoo.runs.reader import read_facts
    from ganzoo.utils.lock import is_free
    from ganzoo_report.watch import ended

    facts = read_facts(directory)
    return facts.published or ended(directory, facts) or (facts.finished and is_free(directory.path))


def _state(samples: Path) -> list[str]:
    return sorted(path.name for path in samples.glob("*.png"))


@click.command()
@run_argument
def watch(run: Path) -> None:
    """Show a run in progress from another terminal. Ctrl-C stops watching, not the run."""
    from ganzoo.console.display import make_display
    from ganzoo.console.summary import summary
    from ganzoo_report.places import report_file
    from ganzoo_report.watch import watch

    watched = ganzoo.load(run)
    watch(watched.directory, make_display())
    if (report := report_file(run)).exists():
        click.echo(f"report: {report}")
    for line in summary(watched):
        click.echo(line)


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=PATH, shell_complete=complete_run)
@click.option("--html", type=PATH, metavar="FILE", help="Write a page instead of printing.")
def compare(runs: tuple[Path, ...], html: Path | None) -> None:
    """Put curves, scores and images of several runs side by side."""
    check_file(html)
    from ganzoo_report.compare.runs import read_runs

    found = read_runs(list(runs))
    if html is None:
        from rich.console import Console

        from ganzoo_report.compare.terminal import print_runs

        print_runs(found, Console(emoji=False))
        return
    from ganzoo_report.compare.page import to_page

    write_file(html, to_page(found))
