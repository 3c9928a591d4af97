"""`ganzoo watch`."""

from __future__ import annotations

from ganzoo.cli.training import RunArgument, echo_end


def watch(run: RunArgument) -> None:
    """Show a run in progress from another terminal; Ctrl-C ends the watching, not the run."""
    from ganzoo.console.display import make_display
    from ganzoo.runs.run_dir import RunFolder
    from ganzoo_report.watch import watch

    folder = RunFolder.open(run)
    echo_end(folder, watch(folder, make_display()))
