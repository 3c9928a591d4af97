"""`ganzoo compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.files import check_file, write_file


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Runs' folders.", show_default=False)],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Put curves, scores and pictures of several runs side by side."""
    check_file(html)
    from ganzoo_report.compare.runs import read_runs

    found = read_runs(runs)
    if html is None:
        from rich.console import Console

        from ganzoo_report.compare.terminal import print_runs

        print_runs(found, Console())
        return
    from ganzoo_report.compare.page import to_page

    write_file(html, to_page(found))
