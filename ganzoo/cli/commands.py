"""The commands of ``ganzoo``: the core's own and those that plugins register, each imported when it runs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from ganzoo.entries import CommandEntry
from ganzoo.errors import GanzooError
from ganzoo.hookspecs import CORE_COMMANDS
from ganzoo.plugin.registry import Registry
from ganzoo.utils.listing import did_you_mean
from ganzoo.utils.safe_yaml import LEAST, MOST

TRAIN, ZOO, HERE = "Train and score", "See and extend the zoo", "Look after runs and this machine"
OWN = (
    CommandEntry(name="run", summary="Train and score a combination.", target="ganzoo.cli.run:run", group=TRAIN),
    CommandEntry(
        name="resume",
        summary="Continue a run exactly at its newest checkpoint.",
        target="ganzoo.cli.run:resume",
        group=TRAIN,
    ),
    CommandEntry(
        name="eval", summary="Score a run again and show the protocol.", target="ganzoo.cli.eval:evaluate", group=TRAIN
    ),
    CommandEntry(
        name="sample", summary="Draw images with a run's generator.", target="ganzoo.cli.sample:sample", group=TRAIN
    ),
    CommandEntry(
        name="bench",
        summary="Train and score a grid; verify records; write the leaderboard.",
        target="ganzoo.cli.bench:bench",
        group=TRAIN,
    ),
    CommandEntry(name="list", summary="List every installed part.", target="ganzoo.cli.list:list_parts", group=ZOO),
    CommandEntry(name="info", summary="Explain one part of the zoo.", target="ganzoo.cli.info:info", group=ZOO),
    CommandEntry(
        name="plugins",
        summary="List plugins; check one; write a new one.",
        target="ganzoo.cli.plugins:plugins",
        group=ZOO,
    ),
    CommandEntry(
        name="runs", summary="List runs with score, state and kimg.", target="ganzoo.cli.runs:runs", group=HERE
    ),
    CommandEntry(
        name="clean",
        summary="Remove old checkpoints and caches; without --yes only list them.",
        target="ganzoo.cli.clean:clean",
        group=HERE,
    ),
    CommandEntry(
        name="doctor",
        summary="Check this machine, and say what to do.",
        target="ganzoo.cli.doctor:doctor",
        group=HERE,
    ),
    CommandEntry(name="env", summary="Print what a bug report needs.", target="ganzoo.cli.env:env", group=HERE),
    CommandEntry(
        name="completion",
        summary="Print the script that completes commands in a shell.",
        target="ganzoo.cli.completion:completion",
        group=HERE,
    ),
)
assert {entry.name for entry in OWN} == CORE_COMMANDS


class WholeNumber(click.types.IntParamType):
    """Whole numbers of 64 bits; no seed or size needs more."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not LEAST <= number <= MOST:
            self.fail(f"{number} does not fit into 64 bits.", param, ctx)
        return number


def bound_whole_numbers(command: click.Command) -> None:
    """Make a command and its subcommands refuse whole numbers of more than 64 bits."""
    for param in command.params:
        if param.type is click.INT:
            param.type = WholeNumber()
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        bound_whole_numbers(below)


class Zoo(click.Group):
    """A group that finds its commands in the registry and imports only the one that runs."""

    def entries(self, registry: Registry | None = None) -> dict[str, CommandEntry]:
        """Return every command by its name, the core's own first."""
        registered = (registry or Registry.load()).of_kind(CommandEntry)
        return {entry.name: entry for entry in (*OWN, *registered)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. Raises GanzooError if its target is not a click command."""
        own = next((entry for entry in OWN if entry.name == cmd_name), None)
        entry = own or Registry.load().lookup(CommandEntry, cmd_name)
        if entry is None:
            return None
        command = entry.load()
        if not isinstance(command, click.Command):
            raise GanzooError(f"the command {cmd_name!r} points to {entry.target}, which is not a click command")
        command.name = cmd_name
        bound_whole_numbers(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments start with. Raises GanzooError with the nearest names."""
        if ctx.resilient_parsing:  # the shell is completing a line, so errors must stay silent
            with suppress(GanzooError):
                return super().resolve_command(ctx, args)
            return None, None, args
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        if name.startswith("-"):
            return super().resolve_command(ctx, args)
        registry = Registry.load()
        if clash := registry.clashes.get((CommandEntry.kind, name)):
            raise GanzooError(clash)
        hint = did_you_mean(name, self.entries(registry)) or "; see `ganzoo --help`"
        failed = [plugin.distribution for plugin in registry.plugins if plugin.error]
        failures = f" (failed to load: {', '.join(failed)}; see `ganzoo plugins`)" if failed else ""
        raise GanzooError(f"unknown command {name!r}{hint}{failures}")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Complete the name of a command, without importing one."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        entries: Iterable[CommandEntry] = OWN
        with suppress(GanzooError):
            entries = self.entries().values()
        return [CompletionItem(e.name, help=e.summary) for e in entries if e.name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group, without importing a command."""
        entries = self.entries().values()
        own = dict.fromkeys(entry.group for entry in OWN)
        for group in (*own, *sorted({entry.group for entry in entries} - own.keys())):
            with formatter.section(group):
                formatter.write_dl([(entry.name, entry.summary) for entry in entries if entry.group == group])


@click.group(
    cls=Zoo,
    help="A zoo of GANs: architectures and losses as plugins, trained by one loop, scored by metrics.",
    epilog="--version prints the version. --plugin FILE.py, anywhere on the line, loads a plugin from a file; repeat "
    "it for more files. --debug shows tracebacks.",
)
@click.option("--plugin", multiple=True, hidden=True, expose_value=False)
@click.option("--debug", is_flag=True, hidden=True, expose_value=False)
def app() -> None:
    """Take no options: ``main`` reads those of every command. Shell completion needs the two declarations above."""
