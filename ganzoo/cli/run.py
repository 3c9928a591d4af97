"""`ganzoo run` and `ganzoo resume`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.completion import complete_recipe, complete_setting, complete_source
from ganzoo.cli.options import PATH, devices_option, run_argument
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.distributed.collectives import Place
    from ganzoo.run import Run

restarts_option = click.option(
    "--max-restarts",
    type=int,
    default=0,
    show_default=True,
    help="With --devices: how often to start again after a process dies.",
)


@click.command()
@click.argument("recipe", metavar="[RECIPE]", required=False, shell_complete=complete_recipe)
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
@click.option("--config", type=PATH, help="A YAML file of settings, or a record of ganzoo bench.")
@click.option("--out", type=PATH, help="The run's directory. [default: runs/RECIPE-NUMBER]")
@click.option(
    "--init-from",
    metavar="RUN",
    shell_complete=complete_source,
    help="Start from the weights of another run, or from registered ones.",
)
@click.option("--dry-run", is_flag=True, help="Print what would run, and stop.")
@devices_option
@restarts_option
def run(
    recipe: str | None,
    settings: tuple[str, ...],
    config: Path | None,
    out: Path | None,
    init_from: str | None,
    dry_run: bool,
    devices: int,
    max_restarts: int,
) -> None:
    """Train and score a combination.

    RECIPE is ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...][+AUGMENTATION][+STEP],
    e.g. dcgan+wgan-gp; KEY=VALUE are settings, e.g. loop.kimg=50
    data.name=cifar10.
    """
    if recipe is not None and "=" in recipe:
        settings = (recipe, *settings)
        recipe = None
    if recipe is None and config is None:
        raise GanzooError(_suggest())
    from ganzoo.config.resolve import resolve
    from ganzoo.distributed.collectives import check_batch
    from ganzoo.plugin.registry import Registry

    registry = Registry.load()
    resolved = resolve(registry, recipe, config, settings)
    check_batch(resolved.values.loop.batch, resolved.values.loop.accumulate, max(1, devices))
    if dry_run:
        from ganzoo.cli.dry_run import print_dry_run

        print_dry_run(resolved)
        return
    from ganzoo.api import train_resolved
    from ganzoo.console.display import make_display

    with on_devices(devices, max_restarts) as place:
        finished = train_resolved(registry, resolved, [make_display()], out=out, init_from=init_from, heed_signals=True)
    _close(finished, place)


@click.command()
@run_argument
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
@click.option("--accept-edits", is_flag=True, help="Use a config.yaml that was edited by hand.")
@devices_option
@restarts_option
def resume(run: Path, settings: tuple[str, ...], accept_edits: bool, devices: int, max_restarts: int) -> None:
    """Continue a run exactly at its newest checkpoint, on any number of devices.

    KEY=VALUE are settings to change, e.g. loop.kimg=500 to train longer.
    They may set the budget, the batch, learning rates and betas, the moving
    average, the device, intervals, the place of the data and metrics.
    """
    from ganzoo.api import load
    from ganzoo.console.display import make_display

    with on_devices(devices, max_restarts) as place:
        resumed = load(run).resume(
            settings=settings, accept_edits=accept_edits, callbacks=[make_display()], heed_signals=True
        )
    _close(resumed, place)


def _suggest() -> str:
    """Print combinations to try, one on each line; return the message that says what to do."""
    from ganzoo.cli.suggestions import suggest
    from ganzoo.plugin.registry import Registry

    found = suggest(Registry.load(strict=False))
    width = max((len(recipe) for recipe, _ in found), default=0)
    for recipe, what in found:
        click.echo(f"ganzoo run {recipe:<{width}}  # {what}")
    example = f"for example `ganzoo run {found[0][0]}`" if found else "ARCH+LOSS"
    return f"name a recipe, {example}; `ganzoo list` shows every part"


@contextmanager
def on_devices(devices: int, max_restarts: int = 0) -> Iterator[Place]:
    """Yield this process's place among the ranks. A process that starts workers instead exits with their exit code."""
    from ganzoo.distributed.collectives import joined
    from ganzoo.distributed.launch import is_worker, launch

    if devices != 1 and not is_worker():
        raise click.exceptions.Exit(launch(devices, max_restarts, sys.argv[1:]))
    with joined() as place:
        yield place


def _close(run: Run, place: Place) -> None:
    """Print the run's path, its score and how to continue it; only the first rank prints."""
    from ganzoo.console.summary import summary
    from ganzoo.utils.signals import PREEMPTED

    if place.rank > 0:
        return
    if run.stop_code:
        stopped = "stopped by SIGTERM, all is saved" if run.stop_code == PREEMPTED else "stopped"
        click.echo(f"{stopped}; continue with: ganzoo resume {run.path}")
        raise click.exceptions.Exit(run.stop_code)
    for line in summary(run):
        click.echo(line)
