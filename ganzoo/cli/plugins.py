"""`ganzoo plugins`, `ganzoo plugins check`, `ganzoo plugins new`: list, check and create plugins."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.completion import complete_source
from ganzoo.cli.options import PATH
from ganzoo.plugin.registry import REGISTRATION, Registry
from ganzoo.utils.waiting import aside, counted


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """List plugins, what each registered, and any failure."""
    if context.invoked_subcommand is not None:
        return
    registry = Registry.load()
    for plugin in registry.plugins:
        click.secho(f"{plugin.origin}  {plugin.name}", bold=True)
        for kind, name in plugin.registered:
            click.echo(f"  {kind} {name}")
        for hook in plugin.hooks:
            if hook not in REGISTRATION:
                click.echo(f"  hook {hook}")
        for warning in plugin.warnings:
            click.secho(f"  {warning}", fg="yellow")
        if plugin.error:
            click.secho(f"  failed: {plugin.error}", fg="red")
    for clash in registry.clashes.values():
        click.secho(clash, fg="yellow")


@plugins.command()
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="A part's parameter, e.g. generator.width=8."
)
@click.option("--location", help="Place of the images, for a data set written NAME:PATH.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def check(targets: tuple[str, ...], settings: tuple[str, ...], location: str | None, as_json: bool) -> None:
    """Check all that a distribution or a .py file registers: shapes, gradients, seeds, saving, 50 steps of training."""
    from ganzoo.testing.conformance import Plan, plan
    from ganzoo.testing.verdict import Verdict, to_json

    def run(found: Plan) -> Verdict:
        counting = counted(f"checking {found.target}", found.results(), len(found.cases), "checks")
        if as_json:
            return found.verdict(counting)
        results, subject = [], ""
        for result in counting:
            with aside():
                if result.subject != subject:
                    subject = result.subject
                    click.secho(subject, bold=True)
                click.secho(f"  {result}", fg="red" if result.status == "failed" else None)
            results.append(result)
        verdict = found.verdict(results)
        for note in verdict.notes:
            click.secho(f"note: {note}", fg="yellow")
        click.secho(verdict.summary, bold=True)
        return verdict

    plans = [plan(target, settings=settings, location=location) for target in targets]
    verdicts = [run(found) for found in plans]
    if as_json:
        click.echo(to_json(verdicts))
    if not all(verdict.passed for verdict in verdicts):
        raise click.exceptions.Exit(1)


@plugins.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--kind",
    required=True,
    help="architecture, loss, penalty, dataset, metric, augmentation, step, optimizer, command, hooks or weights.",
)
@click.option("--out", type=PATH, help="The directory. [default: ganzoo-NAME]")
@click.option("--run", shell_complete=complete_source, help="With --kind weights: the run whose generator it packs.")
def new(name: str, kind: str, out: Path | None, run: str | None) -> None:
    """Write a new plugin: a distribution that installs, passes its tests and conforms."""
    from ganzoo.cli.scaffold import write_plugin

    directory = write_plugin(name, kind, out, Registry.load(), run)
    click.echo(f"{directory}: a plugin that installs, passes its tests and conforms. Make it yours:")
    click.echo(f'  cd {directory} && pip install -e ".[test]" && python -m pytest')
