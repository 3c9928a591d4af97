"""`ganzoo completion`, and the completion of arguments: recipes, settings, runs, parts. No torch here.

Completion must not write to the terminal: if the plugins fail to load, it offers nothing from them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import click
from click.shell_completion import CompletionItem, get_completion_class

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    DatasetEntry,
    Entry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    WeightsEntry,
)
from ganzoo.errors import GanzooError
from ganzoo.runs.run_path import RUNS, is_run
from ganzoo.utils.files import user_path

if TYPE_CHECKING:
    from ganzoo.plugin.registry import Registry

VARIABLE = "_GANZOO_COMPLETE"  # click's name: if the shell's script sets it, click prints completions, runs nothing
SHELLS = ("bash", "zsh", "fish")
AFTER_LOSS = (PenaltyEntry, AugmentationEntry, StepEntry)
VALUES: dict[str, type[Entry]] = {
    "data.name": DatasetEntry,
    "metrics.names": MetricEntry,
    "metrics.reference": DatasetEntry,
    "optimizer.generator.name": OptimizerEntry,
    "optimizer.discriminator.name": OptimizerEntry,
}
"""Settings whose value names a part."""
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[Any]]"]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands, recipes, settings and runs.

    \b
    bash: eval "$(ganzoo completion bash)"           in ~/.bashrc (4.4 or newer)
    zsh:  eval "$(ganzoo completion zsh)"            in ~/.zshrc, after compinit
    fish: ganzoo completion fish > ~/.config/fish/completions/ganzoo.fish
    """
    from ganzoo.cli.commands import app

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(app, {}, "ganzoo", VARIABLE).source().strip())


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Complete the last part of a recipe: an architecture, then a loss, then a penalty, an augmentation or a step."""
    head, plus, part = incomplete.rpartition("+")
    if plus:
        kinds: tuple[type[Entry], ...] = AFTER_LOSS if "+" in head else (LossEntry,)
        return [_item(f"{head}+", entry) for entry in _entries(*kinds, beginning=part)]
    head, slash, part = incomplete.rpartition("/")
    return [_item(f"{head}{slash}", entry) for entry in _entries(ArchitectureEntry, beginning=part)]


def complete_setting(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Complete KEY=VALUE: the keys of the core's settings, and the values that name a part.

    bash passes ``data.name=mn`` as three words, other shells as one.
    """
    key, equals, value = incomplete.partition("=")
    if equals:
        return _values(key, value, f"{key}=")
    before = list(ctx.params.get(param.name or "") or ())
    if before and before[-1] == "=":
        before.pop()
    if before and before[-1] in _keys():
        return _values(before[-1], incomplete, "")
    return [CompletionItem(f"{found}=") for found in _keys() if found.startswith(incomplete)]


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Complete a run directory, or without a slash also the name of a run in runs/."""
    return _runs(incomplete) or [CompletionItem(incomplete, type="dir")]


def complete_source(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Complete a generator's source: a run directory or, after the first character, the name of registered weights."""
    found = _runs(incomplete)
    if incomplete:
        found += [_item("", entry) for entry in _entries(WeightsEntry, beginning=incomplete)]
    if incomplete.startswith("@"):
        best = dict.fromkeys(entry.name.rpartition("@")[2] for entry in _entries(WeightsEntry, beginning=""))
        found += [CompletionItem(f"@{data}") for data in best if data.startswith(incomplete[1:])]
    return found or [CompletionItem(incomplete, type="dir")]


def _runs(incomplete: str) -> list[CompletionItem[Any]]:
    """Return completions for run directories, and for directories that may hold some."""
    directory, slash, name = incomplete.rpartition("/")
    if slash:
        found = _below(user_path(directory or slash), f"{directory}/", name)
    else:
        found = _below(RUNS, f"{RUNS}/", "" if str(RUNS).startswith(name) else name)
        found += [item for item in _below(Path(), "", name) if not found or item.value != f"{RUNS}/"]
    return found


def complete_path(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Leave directories to the shell."""
    return [CompletionItem(incomplete, type="dir")]


def complete_side(results: Path) -> Complete:
    """Return a completer for a side of a comparison: a combination with a record, a run or registered weights.

    results: where the records are if the command line has no --results.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        from ganzoo.bench.record import readable_records

        found = readable_records(ctx.params.get("results") or results, lambda error: None)
        recipes = sorted({record.recipe for _, record in found if record.recipe.startswith(incomplete)})
        others = [item for item in complete_source(ctx, param, incomplete) if item.type != "dir"]
        return [CompletionItem(recipe) for recipe in recipes] + others or [CompletionItem(incomplete, type="file")]

    return complete


def complete_part(*kinds: type[Entry], more: Sequence[str] = ()) -> Complete:
    """Return a completer for the names of parts of these kinds (without any, of all kinds) and those in ``more``."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        names = [CompletionItem(name) for name in more if name.startswith(incomplete)]
        return names + [_item("", entry) for entry in _entries(*kinds, beginning=incomplete)]

    return complete


def _below(place: Path, shown: str, beginning: str) -> list[CompletionItem[Any]]:
    """Return completions for the runs in a directory, and, with a final slash, for directories that may hold some."""
    found = []
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        directory = False
        with suppress(OSError):  # a link that leads to itself
            directory = entry.is_dir()
        if directory and entry.name.startswith(beginning) and not entry.name.startswith("."):
            end = "" if is_run(Path(entry.path)) else "/"
            found.append(CompletionItem(f"{shown}{entry.name}{end}"))
    return found


def _values(key: str, value: str, before: str) -> list[CompletionItem[Any]]:
    kind = VALUES.get(key)
    if kind is None:
        return []
    head, comma, part = value.rpartition(",")  # a list, such as of metrics
    return [_item(f"{before}{head}{comma}", entry) for entry in _entries(kind, beginning=part)]


def _keys() -> list[str]:
    """Return the settings that every run has, in dotted form."""
    from ganzoo.config.schema import CoreConfig

    return sorted(_dotted(CoreConfig, ""))


def _dotted(cls: Any, prefix: str) -> Iterable[str]:
    hints = get_type_hints(cls)
    for field in fields(cls):
        kind = hints[field.name]
        yield from _dotted(kind, f"{prefix}{field.name}.") if is_dataclass(kind) else [f"{prefix}{field.name}"]


def _entries(*kinds: type[Entry], beginning: str) -> list[Entry]:
    registry = _registry()
    chosen = [cls.kind for cls in kinds] or (registry.entries if registry else ())
    found = (registry.entries[kind] for kind in chosen) if registry else ()
    return [entry for entries in found for name, entry in sorted(entries.items()) if name.startswith(beginning)]


def _registry() -> Registry | None:
    from ganzoo.plugin.registry import Registry

    try:
        return Registry.load(strict=False)
    except GanzooError:
        return None


def _item(before: str, entry: Entry) -> CompletionItem[Any]:
    end = ":" if isinstance(entry, DatasetEntry) and entry.takes_location else ""
    return CompletionItem(f"{before}{entry.name}{end}", help=entry.summary)
