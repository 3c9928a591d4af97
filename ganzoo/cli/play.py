"""`ganzoo play`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.training import CheckpointOption, default_place
from ganzoo.errors import GanzooError


def play(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Runs' folders, hf://OWNER/NAME, or records of ganzoo bench.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page's folder. [default: play in the first RUN]", show_default=False)
    ] = None,
    checkpoint: CheckpointOption = "latest",
    port: Annotated[int, typer.Option(help="Of the local server; 0: a free one.")] = 0,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Write the folder, and stop.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Move through the latents of runs in the browser, and play against the discriminator."""
    from ganzoo_export.onnx import check_format

    check_format("onnx")
    if not 0 <= port < 2**16:
        raise GanzooError(f"--port is {port}, must be 0 to {2**16 - 1}")
    from ganzoo.plugin.registry import Registry
    from ganzoo_hub.client import fetch
    from ganzoo_play.player import is_record, load_player
    from ganzoo_play.write import check_place, write_page

    place = out or (Path() if is_record(runs[0]) else default_place(runs[0], fetch(runs[0]))) / "play"
    check_place(place)
    registry = Registry.load()
    page = write_page([load_player(registry, run, checkpoint) for run in runs], place, typer.echo)
    typer.echo(f"page: {page}")
    if no_serve:
        return
    from ganzoo_play.serve import serve

    def opened(address: str) -> None:
        typer.echo(f"open: {address} (Ctrl-C ends it)")
        if not no_open:
            _open_browser(address)

    serve(place, port, opened)


def _open_browser(address: str) -> None:
    """In a thread of its own: some browsers return when they are closed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
