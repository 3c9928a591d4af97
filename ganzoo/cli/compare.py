"""`ganzoo compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.errors import GanzooError
from ganzoo.textfiles import write_text


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Runs' folders.", show_default=False)],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Put curves, scores and pictures of several runs side by side."""
    if html is not None and html.is_dir():
        raise GanzooError(f"{html} is a folder; name a file to write")
    from ganzoo.compare.runs import read_runs

    found = read_runs(runs)
    if html is None:
        from rich.console import Console

        from ganzoo.compare.terminal import print_runs

        print_runs(found, Console())
        return
    from ganzoo.compare.page import to_page

    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        write_text(html, to_page(found))
    except OSError as error:
        raise GanzooError(f"cannot write {html}: {error.strerror or error}") from error
    typer.echo(html)
