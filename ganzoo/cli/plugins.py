"""`ganzoo plugins`, `ganzoo plugins check`, `ganzoo plugins new`: what is installed, whether it holds, a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.plugin.registry import REGISTRATION, Registry

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    short_help="List plugins; check one; write a new one.",
)


@app.callback()
def plugins(context: typer.Context) -> None:
    """List plugins, what each registered, and any failure."""
    if context.invoked_subcommand is not None:
        return
    registry = Registry.load()
    for plugin in registry.plugins:
        typer.secho(f"{plugin.origin}  {plugin.name}", bold=True)
        for kind, name in plugin.registered:
            typer.echo(f"  {kind} {name}")
        for hook in plugin.hooks:
            if hook not in REGISTRATION:
                typer.echo(f"  hook {hook}")
        for warning in plugin.warnings:
            typer.secho(f"  {warning}", fg="yellow")
        if plugin.error:
            typer.secho(f"  failed: {plugin.error}", fg="red")
    for clash in registry.clashes.values():
        typer.secho(clash, fg="yellow")


@app.command()
def check(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Distributions, or .py files.", show_default=False)
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="E.g. generator.width=8.", show_default=False),
    ] = None,
    location: Annotated[
        str | None, typer.Option(help="Of pictures, for a data set written NAME:PATH.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Check all that a distribution registers: shapes, gradients, seeds, saving, 50 steps of training."""
    from ganzoo.testing.conformance import Plan, plan
    from ganzoo.testing.verdict import Verdict, to_json

    def run(found: Plan) -> Verdict:
        if as_json:
            return found.verdict()
        results, subject = [], ""
        for result in found.results():
            if result.subject != subject:
                subject = result.subject
                typer.secho(subject, bold=True)
            typer.secho(f"  {result}", fg="red" if result.status == "failed" else None)
            results.append(result)
        verdict = found.verdict(results)
        for note in verdict.notes:
            typer.secho(f"note: {note}", fg="yellow")
        typer.secho(verdict.summary, bold=True)
        return verdict

    plans = [plan(target, settings=settings or (), location=location) for target in targets]
    verdicts = [run(found) for found in plans]
    if as_json:
        typer.echo(to_json(verdicts))
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the part, e.g. soft-hinge.", show_default=False)],
    kind: Annotated[
        str,
        typer.Option(help="architecture, loss, penalty, dataset, metric or augmentation.", show_default=False),
    ],
    out: Annotated[Path | None, typer.Option(help="The folder. [default: ganzoo-NAME]", show_default=False)] = None,
) -> None:
    """Write a new plugin: a distribution that installs, passes its tests and conforms."""
    from ganzoo.plugin.scaffold import write_plugin

    folder = write_plugin(name, kind, out, Registry.load())
    typer.echo(f"{folder}: a plugin that installs, passes its tests and conforms. Make it yours:")
    typer.echo(f'  cd {folder} && pip install -e ".[test]" && python -m pytest')
