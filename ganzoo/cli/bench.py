"""`ganzoo bench`, `ganzoo bench verify`, `ganzoo bench report`, `ganzoo bench compare`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ganzoo.cli.completion import complete_part, complete_recipe, complete_side
from ganzoo.cli.options import PATH, inception_option, weights_option
from ganzoo.console.messages import say
from ganzoo.entries import ArchitectureEntry, DatasetEntry, LossEntry, PenaltyEntry
from ganzoo.errors import GanzooError, printable

RESULTS = Path("benchmarks/results")


@click.group(invoke_without_command=True)
@click.option("--grid", type=PATH, help="A file of configs/bench.")
@click.option("--name", help="Name of the grid. [default: the file's]")
@click.option(
    "--arch",
    multiple=True,
    shell_complete=complete_part(ArchitectureEntry, more=("all",)),
    help="Architecture, or all; may be repeated.",
)
@click.option(
    "--loss",
    multiple=True,
    shell_complete=complete_part(LossEntry, more=("all",)),
    help="Loss, or all; may be repeated.",
)
@click.option(
    "--extra",
    multiple=True,
    shell_complete=complete_part(PenaltyEntry),
    help="Penalty to add, e.g. r1; may be repeated.",
)
@click.option("--recipe", multiple=True, shell_complete=complete_recipe, help="A whole recipe; may be repeated.")
@click.option("--data", multiple=True, shell_complete=complete_part(DatasetEntry), help="Data set; may be repeated.")
@click.option("--seed", type=int, multiple=True, help="Seed; may be repeated.")
@click.option("--kimg", type=float, help="Budget of each job in kimg.")
@click.option("--minutes", type=float, help="Budget of each job in minutes of training.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Setting of every job; may be repeated.")
@click.option("--launcher", help="Where jobs run. [default: this machine]")
@click.option("--launcher-set", metavar="KEY=VALUE", multiple=True, help="Setting of the launcher; may be repeated.")
@click.option("--results", type=PATH, default=RESULTS, show_default=True, help="Directory of the records.")
@click.option("--work", type=PATH, default="runs/bench", show_default=True, help="Directory of the runs.")
@click.option(
    "--keep-weights",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Best rows of each data set that keep weights.",
)
@click.option("--retry", is_flag=True, help="Try failed rows again.")
@click.pass_context
def bench(
    context: click.Context,
    grid: Path | None,
    name: str | None,
    arch: tuple[str, ...],
    loss: tuple[str, ...],
    extra: tuple[str, ...],
    recipe: tuple[str, ...],
    data: tuple[str, ...],
    seed: tuple[int, ...],
    kimg: float | None,
    minutes: float | None,
    settings: tuple[str, ...],
    launcher: str | None,
    launcher_set: tuple[str, ...],
    results: Path,
    work: Path,
    keep_weights: int,
    retry: bool,
) -> None:
    """Train and score a grid of combinations; call it again to continue a grid that was stopped."""
    if context.invoked_subcommand is not None:
        for option in context.command.params:
            if context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE:
                raise GanzooError(
                    f"{option.opts[0]} before {context.invoked_subcommand} has no effect; give its options after it: "
                    f"see `ganzoo bench {context.invoked_subcommand} --help`"
                )
        return
    from ganzoo.bench.grid import load_grid
    from ganzoo.bench.harness import Harness, make_launcher
    from ganzoo.plugin.registry import Registry

    several = {"architectures": arch, "losses": loss, "extras": extra, "recipes": recipe, "data": data, "seeds": seed,
               "settings": settings}  # fmt: skip
    changes = {
        "name": name,
        "kimg": kimg,
        "minutes": minutes,
        **{key: list(values) or None for key, values in several.items()},
    }
    if grid is None and not (arch or recipe):
        raise GanzooError("name a grid with --grid FILE, or combinations with --arch and --loss, or --recipe")
    registry = Registry.load()
    found = load_grid(grid, changes)
    where = make_launcher(registry, launcher, list(launcher_set))
    records = Harness(found, registry, where, results, work, say).run(keep=keep_weights, retry=retry)
    failed = [record for record in records if record.status == "failed"]
    click.echo(f"records in {results / found.name}: {len(records)}, failed: {len(failed)}")


@bench.command()
@click.argument("records", metavar="RECORD...", nargs=-1, required=True, type=PATH)
@click.option("--device", default="auto", show_default=True, help="Where to score again.")
@weights_option
@inception_option
@click.option("--mode", help="exact, fast, or reference. [default: the record's]")
@click.option("--digest-only", is_flag=True, help="Do not score again.")
def verify(
    records: tuple[Path, ...],
    device: str,
    weights: str | None,
    inception: str | None,
    mode: str | None,
    digest_only: bool,
) -> None:
    """Check records, and score their weights again if they were kept.

    A RECORD may also be registered weights, such as RECIPE@DATA (see ganzoo list --weights). --mode fast is two to
    three times as fast on a CPU with bf16, and compares with a tolerance of 1 %.
    """
    from ganzoo.bench.record import read_record, record_files
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.store import fetch
    from ganzoo.runs.weights import is_weights

    refused = False
    files = {path: record_files(path) if path.is_dir() else [path] for path in records}
    if empty := next((path for path, found in files.items() if not found), None):
        raise GanzooError(f"no record under {empty}; train with `ganzoo bench`")
    for file in itertools.chain(*files.values()):
        named = is_weights(str(file))
        try:
            if digest_only and named:
                fetch(Registry.load(), str(file))
                click.echo(f"{file}: checksum right")
                continue
            if digest_only:
                read_record(file)
                click.echo(f"{file}: digest right")
                continue
            from ganzoo.bench.verify import verify as check
            from ganzoo.bench.verify import verify_weights

            means: dict[str, Any] = {"device": device, "weights": weights, "inception": inception, "mode": mode}
            registry = Registry.load()
            verdict = verify_weights(str(file), registry, **means) if named else check(file, registry, **means)
        except GanzooError as error:
            refused = True
            click.echo(printable(f"refused: {error}"), err=True)
            continue
        refused |= verdict.holds is False
        click.echo(printable(verdict.text))
    if refused:
        raise click.exceptions.Exit(1)


@bench.command()
@click.option("--results", type=PATH, default=RESULTS, show_default=True, help="Directory of the records.")
@click.option(
    "--out", type=PATH, default="benchmarks", show_default=True, help="Gets LEADERBOARD.md and leaderboard.html."
)
@click.option("--published", type=PATH, default="benchmarks/published.json", show_default=True, help="Others' figures.")
def report(results: Path, out: Path, published: Path) -> None:
    """Write the leaderboard from all records."""
    from ganzoo.bench.leaderboard.report import write_report

    def warn(line: str) -> None:
        click.echo(line, err=True)

    for file in write_report(results, out / "LEADERBOARD.md", out / "leaderboard.html", published, warn):
        click.echo(file)


@bench.command()
@click.argument("a", shell_complete=complete_side(RESULTS))
@click.argument("b", shell_complete=complete_side(RESULTS))
@click.option("--results", type=PATH, default=RESULTS, show_default=True, help="Where combinations are looked up.")
@click.option("--resamples", type=int, default=50, show_default=True, help="Bootstrap samples, for one seed each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--device", default="auto", show_default=True, help="Where to make and read the images again.")
@weights_option
@inception_option
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON.")
def compare(
    a: str,
    b: str,
    results: Path,
    resamples: int,
    seed: int,
    device: str,
    weights: str | None,
    inception: str | None,
    as_json: bool,
) -> None:
    """Say whether A or B is better, by the first metric.

    A and B are records, runs, registered weights, directories with the records of a combination's seeds, or
    combinations under --results.
    With several seeds on each side the seeds decide, with one seed on each side a bootstrap over the generated images.
    """
    from rich.console import Console

    from ganzoo.bench.bootstrap import Means
    from ganzoo.bench.compare import compare as compare_sides
    from ganzoo.bench.sides import find_sides
    from ganzoo.console.display import Display
    from ganzoo.plugin.registry import Registry

    registry = Registry.load()
    told = Display(Console(stderr=True)).scoring
    means = Means(registry, device=device, weights=weights, inception=inception, progress=told)
    found = compare_sides(*find_sides(a, b, results, registry), means, resamples, seed)
    click.echo(json.dumps(found.describe(), indent=2) if as_json else found.text)
