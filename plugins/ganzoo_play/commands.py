"""`ganzoo play`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.completion import complete_source
from ganzoo.cli.options import PATH, checkpoint_option
from ganzoo.errors import GanzooError


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_source)
@click.option("--out", type=PATH, help="The page's directory. [default: play in the first RUN]")
@checkpoint_option
@click.option("--port", type=int, default=0, show_default=True, help="Port of the local server; 0: a free one.")
@click.option("--no-serve", is_flag=True, help="Write the directory, and stop.")
@click.option("--no-open", is_flag=True, help="Open no browser.")
def play(runs: tuple[str, ...], out: Path | None, checkpoint: str, port: int, no_serve: bool, no_open: bool) -> None:
    """Explore the latents of runs in the browser, and play against the discriminator.

    Each RUN is a run's directory, the address of a run such as hf://OWNER/NAME, registered weights such as RECIPE@DATA
    (see ganzoo list --weights), or a record of `ganzoo bench`.
    """
    from ganzoo_export.onnx import check_format

    check_format("onnx")
    if not 0 <= port < 2**16:
        raise GanzooError(f"--port is {port}, must be 0 to {2**16 - 1}")
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.store import fetch, is_record, output_directory
    from ganzoo.utils.waiting import counted
    from ganzoo_play.player import load_player
    from ganzoo_play.write import check_place, write_page

    registry = Registry.load()
    place = out or (Path() if is_record(runs[0]) else output_directory(runs[0], fetch(registry, runs[0]))) / "play"
    check_place(place)
    sources = counted("loading runs", runs, len(runs), "runs")
    page = write_page([load_player(registry, run, checkpoint) for run in sources], place, click.echo)
    click.echo(f"page: {page}")
    if no_serve:
        return
    from ganzoo_play.serve import serve

    def opened(address: str) -> None:
        click.echo(f"open: {address} (Ctrl-C ends it)")
        if not no_open:
            _open_browser(address)

    serve(place, port, opened)


def _open_browser(address: str) -> None:
    """Open the browser in its own thread, since some browsers return only when they are closed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
