"""`ganzoo eval`."""

from __future__ import annotations

import json

import click

from ganzoo.cli.options import (
    checkpoint_option,
    devices_option,
    inception_option,
    source_argument,
    truncation_option,
    weights_option,
)


@click.command()
@source_argument
@click.option("--metrics", help="Comma-separated, e.g. kid,prc. [default: the run's]")
@click.option("--samples", type=int, help="Generated images to score. [default: the run's]")
@click.option("--seed", type=int, help="Seed of latents and noise. [default: the run's]")
@truncation_option
@checkpoint_option
@weights_option
@inception_option
@click.option("--mode", help="exact, or reference: torch-fidelity's network as it is.")
@devices_option
def evaluate(
    run: str,
    metrics: str | None,
    samples: int | None,
    seed: int | None,
    truncation: float,
    checkpoint: str,
    weights: str | None,
    inception: str | None,
    mode: str | None,
    devices: int,
) -> None:
    """Score a run again, with its protocol beside the figures.

    RUN is a run's directory or the address of a run, such as hf://OWNER/NAME.
    """
    from ganzoo.api import load
    from ganzoo.cli.run import on_devices
    from ganzoo.console.display import make_display

    settings = {"metrics.weights": weights, "metrics.inception": inception, "metrics.mode": mode}
    with on_devices(devices) as place:
        score = load(run).evaluate(
            None if metrics is None else metrics.split(","),
            samples=samples,
            seed=seed,
            truncation=truncation,
            checkpoint=checkpoint,
            callbacks=[make_display()],
            settings={key: value for key, value in settings.items() if value is not None},
        )
        if place.rank == 0:
            click.echo(json.dumps(score.to_dict() if score.values else {}, indent=2))
