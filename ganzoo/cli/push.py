"""`ganzoo push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.training import CheckpointOption, RunArgument


def push(
    run: RunArgument,
    name: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="Where to, on the Hugging Face hub.", show_default=False)
    ],
    checkpoint: CheckpointOption = "latest",
    private: Annotated[bool, typer.Option("--private", help="If it is made now: seen by its owner alone.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write what would be pushed here, and push nothing.", show_default=False)
    ] = None,
) -> None:
    """Publish a run's generator with its configuration, score and a model card."""
    import tempfile

    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.run_dir import RunFolder
    from ganzoo_hub.client import SCHEME, check_repository, upload

    check_repository(name)
    RunFolder.open(run)
    from ganzoo_hub.publish import write_publication

    address = f"{SCHEME}{name}"
    if out is not None:
        write_publication(Registry.load(), run, checkpoint, address, out)
        typer.echo(f"written: {out}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        write_publication(Registry.load(), run, checkpoint, address, Path(scratch))
        url = upload(Path(scratch), name, f"A run of ganzoo: {run.resolve().name}", private)
    typer.echo(f"pushed: {url}")
    typer.echo(f"pictures of it: ganzoo sample {address}")
