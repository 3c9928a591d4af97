"""`ganzoo bench`, `ganzoo bench verify`, `ganzoo bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.errors import GanzooError

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    short_help="Train and score a grid; verify records; write the leaderboard.",
)
RESULTS = Path("benchmarks/results")

ListOption = list[str] | None


@app.callback()
def bench(
    context: typer.Context,
    grid: Annotated[Path | None, typer.Option(help="A file of configs/bench.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="Of the grid. [default: the file's]", show_default=False)] = None,
    arch: Annotated[ListOption, typer.Option(help="Architecture, or all; may be repeated.", show_default=False)] = None,
    loss: Annotated[ListOption, typer.Option(help="Loss, or all; may be repeated.", show_default=False)] = None,
    extra: Annotated[ListOption, typer.Option(help="Penalties to add, e.g. r1.", show_default=False)] = None,
    recipe: Annotated[ListOption, typer.Option(help="A whole recipe.", show_default=False)] = None,
    data: Annotated[ListOption, typer.Option(help="Data set.", show_default=False)] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed.", show_default=False)] = None,
    kimg: Annotated[float | None, typer.Option(help="Budget of each in kimg.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="Or in minutes of training.", show_default=False)] = None,
    settings: Annotated[ListOption, typer.Option("--set", metavar="KEY=VALUE", show_default=False)] = None,
    launcher: Annotated[
        str | None, typer.Option(help="Where it runs. [default: this machine]", show_default=False)
    ] = None,
    launcher_set: Annotated[ListOption, typer.Option(metavar="KEY=VALUE", show_default=False)] = None,
    results: Annotated[Path, typer.Option(help="Where records go.")] = RESULTS,
    work: Annotated[Path, typer.Option(help="Where runs are made.")] = Path("runs/bench"),
    keep_weights: Annotated[int, typer.Option(help="Of how many of the best rows.")] = 3,
    retry: Annotated[bool, typer.Option("--retry", help="Try failed rows again.")] = False,
) -> None:
    """Train and score a grid of combinations; stopped and called again, it goes on."""
    if context.invoked_subcommand is not None:
        return
    from ganzoo.bench.grid import load_grid
    from ganzoo.bench.harness import Harness, make_launcher
    from ganzoo.plugin.registry import Registry

    changes = {
        "name": name, "architectures": arch, "losses": loss, "extras": extra, "recipes": recipe, "data": data,
        "seeds": seed, "kimg": kimg, "minutes": minutes, "settings": settings,
    }  # fmt: skip
    if grid is None and not (arch or recipe):
        raise GanzooError("name a grid with --grid FILE, or combinations with --arch and --loss, or --recipe")
    registry = Registry.load()
    found = load_grid(grid, changes)
    where = make_launcher(registry, launcher, launcher_set or [])
    records = Harness(found, registry, where, results, work, typer.echo).run(keep=keep_weights, retry=retry)
    failed = [record for record in records if record.status == "failed"]
    typer.echo(f"{len(records)} records in {results / found.name}, {len(failed)} of them failed")


@app.command()
def verify(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Or folders of them.", show_default=False)],
    device: Annotated[str, typer.Option(help="Where to score again.")] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="File of the extractor, or {EXTRACTOR: FILE}.", show_default=False)
    ] = None,
    inception: Annotated[str | None, typer.Option(help="The same for inception alone.", show_default=False)] = None,
    digest_only: Annotated[bool, typer.Option("--digest-only", help="Do not score again.")] = False,
) -> None:
    """Check records, and score their weights again where they are still there."""
    from ganzoo.bench.record import read_record, record_files

    refused = False
    for file in (file for path in records for file in (record_files(path) if path.is_dir() else [path])):
        try:
            if digest_only:
                read_record(file)
                typer.echo(f"{file}: digest right")
                continue
            from ganzoo.bench.verify import verify as check
            from ganzoo.plugin.registry import Registry

            verdict = check(file, Registry.load(), device=device, weights=weights, inception=inception)
        except GanzooError as error:
            refused = True
            typer.echo(f"refused: {error}", err=True)
            continue
        refused |= verdict.holds is False
        typer.echo(verdict.text)
    if refused:
        raise typer.Exit(1)


@app.command()
def report(
    results: Annotated[Path, typer.Option(help="Where the records are.")] = RESULTS,
    out: Annotated[Path, typer.Option(help="Gets LEADERBOARD.md and leaderboard.html.")] = Path("benchmarks"),
    published: Annotated[Path, typer.Option(help="Others' figures.")] = Path("benchmarks/published.json"),
) -> None:
    """Make the leaderboard of every record that is there."""
    from ganzoo.bench.leaderboard.report import write_report

    def warn(line: str) -> None:
        typer.echo(line, err=True)

    for file in write_report(results, out / "LEADERBOARD.md", out / "leaderboard.html", published, warn):
        typer.echo(file)
