"""`ganzoo eval`."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from ganzoo.cli.completion import complete_part, complete_setting
from ganzoo.cli.options import (
    checkpoint_option,
    devices_option,
    inception_option,
    source_argument,
    truncation_option,
    weights_option,
)
from ganzoo.config.arguments import as_arguments
from ganzoo.entries import DatasetEntry
from ganzoo.errors import printable
from ganzoo.utils.safe_yaml import path_or_mapping
from ganzoo.utils.text_table import aligned


@click.command()
@source_argument
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
@click.option("--metrics", help="Comma-separated, e.g. kid,prc. [default: the run's]")
@click.option("--samples", type=int, help="Generated images to score. [default: the run's]")
@click.option("--seed", type=int, help="Seed of latents and noise. [default: the run's]")
@truncation_option
@checkpoint_option
@weights_option
@inception_option
@click.option(
    "--reference",
    metavar="SET|FILE.npz",
    shell_complete=complete_part(DatasetEntry),
    help="Score against it instead of the run's own reference.",
)
@click.option("--per-class", is_flag=True, help="Score each class too: a table on stderr, in addition to the JSON.")
@click.option("--mode", help="exact, fast, or reference (the features' original code). [default: the run's]")
@click.option("--accept-edits", is_flag=True, help="Use a config.yaml that was edited by hand.")
@devices_option
def evaluate(
    run: str,
    settings: tuple[str, ...],
    metrics: str | None,
    samples: int | None,
    seed: int | None,
    truncation: float,
    checkpoint: str,
    weights: str | None,
    inception: str | None,
    reference: str | None,
    per_class: bool,
    mode: str | None,
    accept_edits: bool,
    devices: int,
) -> None:
    """Score a run again; print the values with their protocol.

    RUN is a run's directory, the address of a run, such as hf://OWNER/NAME,
    or registered weights, such as RECIPE@DATA (see ganzoo list --weights).
    KEY=VALUE are settings of data.* and metrics.*, e.g. data.name=folder:PATH
    for images that moved.
    """
    from rich.console import Console

    from ganzoo.api import load
    from ganzoo.cli.run import on_devices
    from ganzoo.console.display import make_display

    options = {
        "metrics.weights": weights and path_or_mapping(weights),
        "metrics.inception": inception,
        "metrics.reference": reference,
        "metrics.mode": mode,
    }
    with on_devices(devices) as place:
        score = load(run).evaluate(
            None if metrics is None else [name.strip() for name in metrics.split(",")],
            samples=samples,
            seed=seed,
            truncation=truncation,
            checkpoint=checkpoint,
            per_class=per_class,
            callbacks=[make_display(Console(stderr=True))],  # stdout is for the values only
            settings=[
                *as_arguments({key: value for key, value in options.items() if value is not None}),
                *settings,
            ],
            accept_edits=accept_edits,
        )
        if place.rank == 0:
            click.echo(json.dumps(score.to_dict() if score.values else {}, indent=2))
            if score.by_class:
                click.echo(_table(score.by_class, score.values), err=True)


def _table(by_class: Mapping[str, Mapping[str, float]], values: Mapping[str, float]) -> str:
    """Return a table with a column for each value: a row for each class, and a last row for all classes together."""
    classes = list(dict.fromkeys(name for figures in by_class.values() for name in figures))
    rows = [["class", *by_class]]
    rows += [[printable(name), *(_figure(figures.get(name)) for figures in by_class.values())] for name in classes]
    rows.append(["all", *(_figure(values.get(name)) for name in by_class)])
    return "\n".join(aligned(rows, figures=True))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
