"""`ganzoo eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.options import PATH, checkpoint_option, devices_option, source_argument, truncation_option


@click.command()
@source_argument
@click.option("--metrics", help="Comma-separated, e.g. fid,kid,prc. [default: the run's]")
@click.option("--samples", type=int, help="Generated pictures to score. [default: the run's]")
@click.option("--seed", type=int, help="Seed of latents and noise. [default: the run's]")
@truncation_option
@checkpoint_option
@click.option("--inception", type=PATH, help="File with the FID network.")
@click.option("--mode", help="exact, or reference: torch-fidelity's network as it is.")
@devices_option
def evaluate(
    run: str,
    metrics: str | None,
    samples: int | None,
    seed: int | None,
    truncation: float,
    checkpoint: str,
    inception: Path | None,
    mode: str | None,
    devices: int,
) -> None:
    """Score a run again, with its protocol beside the figures.

    RUN is a run's folder or the address of a run, such as hf://OWNER/NAME.
    """
    from ganzoo.cli.run import on_devices
    from ganzoo.console.display import make_display
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.store import fetch
    from ganzoo.training.run import evaluate

    options: dict[str, Any] = {
        "names": f"[{metrics}]" if metrics is not None else None,
        "fakes": samples,
        "seed": seed,
        "inception": str(inception) if inception else None,
        "mode": mode,
    }
    settings = tuple(f"metrics.{name}={value}" for name, value in options.items() if value is not None)
    registry = Registry.load()
    with on_devices(devices) as place:
        result = evaluate(
            registry,
            fetch(registry, run),
            make_display(),
            checkpoint=checkpoint,
            settings=settings,
            truncation=truncation,
        )
        if place.rank == 0:
            click.echo(json.dumps(result, indent=2))
