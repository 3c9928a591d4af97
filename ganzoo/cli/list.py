"""`ganzoo list`: every installed part. No torch here."""

from __future__ import annotations

import click

from ganzoo.entries import WeightsEntry
from ganzoo.errors import printable
from ganzoo.plugin.registry import PLURALS, Registry
from ganzoo.runs.ranking import Ranking
from ganzoo.runs.weights import is_local, ranked
from ganzoo.utils.text_table import aligned

COLUMNS = ("name", "score", "of", "size", "licence", "where")


@click.command()
@click.option("--weights", is_flag=True, help="List trained generators: score, size, licence and where they are.")
def list_parts(weights: bool) -> None:
    """List architectures, losses, penalties, augmentations, steps, data sets, metrics and so on, with their owners."""
    registry = Registry.load()
    if weights:
        _list_weights(registry)
        return
    owners = max((len(plugin.distribution) for plugin in registry.plugins), default=0)
    others = [entries for kind, entries in registry.entries.items() if kind != WeightsEntry.kind]
    usual = max((len(name) for entries in others for name in entries), default=0)
    for kind, entries in registry.entries.items():
        width = max(usual, *map(len, entries)) if entries else usual
        if entries:
            click.secho(PLURALS.get(kind, f"{kind}s"), bold=True)
        for name in sorted(entries):
            owner = entries[name].owner.distribution
            click.echo(f"  {name:<{width}}  {owner:<{owners}}  {entries[name].summary}")
    mention_failures(registry)


def _list_weights(registry: Registry) -> None:
    """Print a row for each of the registered weights, by data set, the best first."""
    entries = registry.of_kind(WeightsEntry)
    words = sorted({entry.data for entry in entries})
    found = (entry for data in words for entry in ranked([entry for entry in entries if entry.data == data]))
    rows: list[tuple[str, ...]] = [COLUMNS, *map(_row, found)]
    if entries:
        head, *lines = aligned(rows)
        click.secho(head, bold=True)
        for line in lines:
            click.echo(line)
        best = rows[1][0]
        data = best.rpartition("@")[2]
        click.echo(f"draw images: ganzoo sample {best}; @{data} means the best weights for {data}")
    else:
        click.echo("no weights are installed; `ganzoo plugins new NAME --kind weights --run RUN` packs those of a run")
    mention_failures(registry)


def _row(entry: WeightsEntry) -> tuple[str, ...]:
    score, said = "not scored", ""
    if entry.score is not None:
        ranking = Ranking(entry.score.metric, entry.score.lower_is_better)
        score, said = ranking.words(entry.score.value), entry.score.protocol
    where = "here" if is_local(entry) else f"at {entry.run}"
    size = f"{entry.size / 2**20:.1f} MiB"
    return tuple(map(printable, (entry.name, score, said, size, entry.licence, where)))


def mention_failures(registry: Registry) -> None:
    """Write to stderr which plugins failed to load and which names are claimed twice."""
    for plugin in registry.plugins:
        if plugin.error:
            click.secho(f"not loaded: {plugin.name} of {plugin.origin}: {plugin.error}", fg="red", err=True)
    for clash in registry.clashes.values():
        click.secho(clash, fg="yellow", err=True)
