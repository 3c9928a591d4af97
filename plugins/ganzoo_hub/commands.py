"""`ganzoo push`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.options import PATH, checkpoint_option, run_argument


@click.command()
@run_argument
@click.argument("name", metavar="OWNER/NAME")
@checkpoint_option
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--out", type=PATH, help="Write the files here instead of pushing them.")
def push(run: Path, name: str, checkpoint: str, private: bool, out: Path | None) -> None:
    """Publish a run's generator with its configuration, score and a model card on the Hugging Face hub."""
    import tempfile

    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.run_dir import RunDir
    from ganzoo_hub.client import SCHEME, check_repository, upload

    check_repository(name)
    RunDir.open(run)
    from ganzoo_hub.publish import write_publication

    address = f"{SCHEME}{name}"
    if out is not None:
        write_publication(Registry.load(), run, checkpoint, address, out)
        click.echo(f"written: {out}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        write_publication(Registry.load(), run, checkpoint, address, Path(scratch))
        url = upload(Path(scratch), name, f"A run of ganzoo: {run.resolve().name}", private)
    click.echo(f"pushed: {url}")
    click.echo(f"draw images: ganzoo sample {address}")
