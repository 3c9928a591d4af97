"""`ganzoo run`, `resume`, `eval`, `sample`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.errors import GanzooError, printable

if TYPE_CHECKING:
    from ganzoo.distributed.collectives import Place
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.run_dir import RunFolder
    from ganzoo.training.run import Outcome

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)]
SourceArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, or hf://OWNER/NAME.", show_default=False)
]
CheckpointOption = Annotated[str, typer.Option(help="latest, best (by the first metric) or a checkpoint's name.")]
DevicesOption = Annotated[int, typer.Option(help="GPUs of this machine, or processes on its CPU, that share the work.")]
RestartsOption = Annotated[int, typer.Option(help="With --devices: start again so often where a process dies.")]


def run(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...], e.g. dcgan+wgan-gp.", show_default=False
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings, e.g. loop.kimg=50 data.name=cifar10.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file of settings, or a record of ganzoo bench.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder. [default: runs/RECIPE-NUMBER]", show_default=False)
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="Start from the weights of another run.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run, and stop.")] = False,
    devices: DevicesOption = 1,
    max_restarts: RestartsOption = 0,
) -> None:
    """Train and score a combination."""
    from ganzoo.config.resolve import resolve
    from ganzoo.plugin.registry import Registry

    registry = Registry.load()
    settings = list(settings or [])
    if recipe is not None and "=" in recipe:
        settings.insert(0, recipe)
        recipe = None
    if recipe is None and config is None:
        raise GanzooError("name a recipe, for example `ganzoo run dcgan+wgan-gp`; `ganzoo list` shows what there is")
    resolved = resolve(registry, recipe, config, settings)
    if dry_run:
        from ganzoo.cli.dry_run import print_dry_run

        print_dry_run(registry, resolved)
        return
    from ganzoo.console.display import make_display
    from ganzoo.distributed.collectives import check_batch
    from ganzoo.training.run import start

    check_batch(resolved.values.loop.batch, max(1, devices))
    with _on(devices, max_restarts) as place:
        outcome = start(registry, resolved, make_display(), out=out, init_from=init_from)
    _close(registry, outcome, place)


def resume(run: RunArgument, devices: DevicesOption = 1, max_restarts: RestartsOption = 0) -> None:
    """Go on with a run exactly where its newest checkpoint stands, on as many devices as you like."""
    from ganzoo.console.display import make_display
    from ganzoo.plugin.registry import Registry
    from ganzoo.training.run import resume

    registry = Registry.load()
    with _on(devices, max_restarts) as place:
        outcome = resume(registry, run, make_display())
    _close(registry, outcome, place)


def evaluate(
    run: SourceArgument,
    metrics: Annotated[
        str | None, typer.Option(help="Comma-separated, e.g. kid,prc. [default: the run's]", show_default=False)
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Generated pictures to score. [default: the run's]", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of latents and noise. [default: the run's]", show_default=False)
    ] = None,
    truncation: Annotated[float, typer.Option(help="Below 1: nearer the mean, less variety.")] = 1.0,
    checkpoint: CheckpointOption = "latest",
    weights: Annotated[
        str | None, typer.Option(help="File of the extractor, or {EXTRACTOR: FILE}.", show_default=False)
    ] = None,
    inception: Annotated[Path | None, typer.Option(help="The same for inception alone.", show_default=False)] = None,
    mode: Annotated[
        str | None, typer.Option(help="exact, or reference: torch-fidelity's network as it is.", show_default=False)
    ] = None,
    devices: DevicesOption = 1,
) -> None:
    """Score a run anew, with its protocol beside the figures."""
    from ganzoo.console.display import make_display
    from ganzoo.plugin.registry import Registry
    from ganzoo.training.run import evaluate
    from ganzoo_hub.client import fetch

    options: dict[str, Any] = {
        "names": f"[{metrics}]" if metrics is not None else None,
        "fakes": samples,
        "seed": seed,
        "weights": weights,
        "inception": str(inception) if inception else None,
        "mode": mode,
    }
    settings = tuple(f"metrics.{name}={value}" for name, value in options.items() if value is not None)
    with _on(devices) as place:
        result = evaluate(
            Registry.load(), fetch(run), make_display(), checkpoint=checkpoint, settings=settings, truncation=truncation
        )
        if place.rank == 0:
            typer.echo(json.dumps(result, indent=2))


def sample(
    run: SourceArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .png for a grid, else a folder of single PNGs. [default: sample.png in RUN]", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="How many pictures.")] = 64,
    seed: Annotated[int, typer.Option(help="Of latents and noise.")] = 0,
    label: Annotated[int | None, typer.Option("--class", help="Only this class.", show_default=False)] = None,
    truncation: Annotated[float, typer.Option(help="Below 1: nearer the mean, less variety.")] = 1.0,
    checkpoint: CheckpointOption = "latest",
) -> None:
    """Make pictures with a run's generator."""
    if count < 1:
        raise GanzooError(f"--count is {count}, must be 1 or more")
    import torch

    from ganzoo.distributed.device import pick_device
    from ganzoo.models.sampling import grid, save_picture, to_image
    from ganzoo.models.sampling import sample as draw
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.load import load_generator
    from ganzoo_hub.client import fetch

    folder = fetch(run)
    generator = load_generator(Registry.load(), folder, checkpoint, pick_device("auto"), warn)
    chunks = draw(generator, count, seed, label=label, truncation=truncation)
    out = out or default_place(run, folder) / "sample.png"
    if out.suffix.lower() == ".png":
        pictures = torch.cat(list(chunks))
        out.parent.mkdir(parents=True, exist_ok=True)
        alone = count == 1
        save_picture(to_image(pictures[0]) if alone else grid(pictures, math.ceil(math.sqrt(count))), out)
        typer.echo(f"1 picture: {out}" if alone else f"{count} pictures in a grid: {out}")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GanzooError(f"{out} already holds something; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    number = 0
    for chunk in chunks:
        for picture in chunk:
            save_picture(to_image(picture), out / f"{number:06d}.png")
            number += 1
    typer.echo(f"{count} pictures: {out}")


def default_place(run: str, folder: Path) -> Path:
    """Where what is made of a run goes: into its folder, or for one on the hub, whose folder is a cache, here."""
    from ganzoo_hub.client import is_address

    return Path() if is_address(run) else folder


def warn(message: str) -> None:
    """A line on stderr about something that stops nothing."""
    typer.secho(f"warning: {printable(message)}", fg="yellow", err=True)


@contextmanager
def _on(devices: int, max_restarts: int = 0) -> Iterator[Place]:
    """Within: this process's part of the work. In a process that starts others for it: exits with what they came to."""
    from ganzoo.distributed.collectives import joined
    from ganzoo.distributed.launch import is_worker, launch

    if devices != 1 and not is_worker():
        raise typer.Exit(launch(devices, max_restarts, sys.argv[1:]))
    with joined() as place:
        yield place


def _close(registry: Registry, outcome: Outcome, place: Place) -> None:
    """The end of a run: its report, where it is, what it scored, how to go on. Of several ranks the first says it."""
    from ganzoo.utils.signals import PREEMPTED
    from ganzoo_report.analysis.run import look_or_say_why
    from ganzoo_report.write import report_or_say_why

    if place.rank > 0:
        return
    path = outcome.folder.path
    if outcome.code == PREEMPTED:  # there may be no time for a report
        typer.echo(f"stopped by SIGTERM, all is saved; go on with: ganzoo resume {path}")
        raise typer.Exit(PREEMPTED)
    if outcome.finished:  # who stops a run does not want to wait
        look_or_say_why(registry, path, warn)
    report_or_say_why(outcome.folder, warn)
    if not outcome.finished:
        typer.echo(f"stopped; go on with: ganzoo resume {path}")
        raise typer.Exit(outcome.code)
    echo_end(outcome.folder, outcome.score)


def echo_end(folder: RunFolder, score: Mapping[str, Any]) -> None:
    """What a finished run scored and where its parts are."""
    for line in _score_lines(score):
        typer.echo(line)
    grids = sorted(folder.samples.glob("*.png"))
    if grids:
        typer.echo(f"samples: {grids[-1]}")
    if folder.report_file.exists():
        typer.echo(f"report: {folder.report_file}")
    typer.echo(f"run: {folder.path}")


def _score_lines(score: Any) -> list[str]:
    if not score:
        return ["score: none"]
    protocol = score["protocol"]
    values = ", ".join(f"{name} {value:.4g}" for name, value in score["values"].items())
    reference = f"{protocol['real_pictures']} {protocol['split']} pictures of {protocol['reference']}"
    against = f"{protocol['fake_pictures']} generated against {reference}"
    note = " (a demonstration: scored against its own training pictures)" if protocol.get("demonstration") else ""
    return [f"score: {values}: {against}{note}"]
