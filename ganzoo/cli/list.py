"""`ganzoo list`: every installed part. No torch here."""

from __future__ import annotations

import click

from ganzoo.plugin.registry import Registry

PLURALS = {"loss": "losses", "penalty": "penalties"}


@click.command()
def list_parts() -> None:
    """List architectures, losses, penalties, augmentations, steps, data sets, metrics and so on, with their owners."""
    registry = Registry.load()
    width = max((len(name) for entries in registry.entries.values() for name in entries), default=0)
    owners = max((len(plugin.distribution) for plugin in registry.plugins), default=0)
    for kind, entries in registry.entries.items():
        if entries:
            click.secho(PLURALS.get(kind, f"{kind}s"), bold=True)
        for name in sorted(entries):
            owner = entries[name].owner.distribution
            click.echo(f"  {name:<{width}}  {owner:<{owners}}  {entries[name].summary}")
    mention_failures(registry)


def mention_failures(registry: Registry) -> None:
    """Write plugins that failed to load and names claimed twice to stderr."""
    for plugin in registry.plugins:
        if plugin.error:
            click.secho(f"not loaded: {plugin.name} of {plugin.origin}: {plugin.error}", fg="red", err=True)
    for clash in registry.clashes.values():
        click.secho(clash, fg="yellow", err=True)
