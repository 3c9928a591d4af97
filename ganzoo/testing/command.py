"""What a command must do: load as a click command and show its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from click.testing import CliRunner

from ganzoo.entries import CommandEntry
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import expect


@dataclass
class CommandPart:
    """A command, and the object that its target names."""

    entry: CommandEntry
    rig: Rig
    target: Any = None


def interface(part: CommandPart) -> None:
    """Check that the target is a click command."""
    part.target = part.entry.load()
    expect(
        isinstance(part.target, click.Command),
        f"{part.entry.target} is {type(part.target).__name__}, not a click command; decorate it with @click.command()",
    )


def shows_help(part: CommandPart) -> None:
    """Check that ``--help`` exits with 0 and that the command has a description."""
    result = CliRunner().invoke(part.target, ["--help"], prog_name=f"ganzoo {part.entry.name}")
    expect(result.exit_code == 0, f"--help exits with {result.exit_code}: {result.output.strip()[-200:]}")
    described = (part.target.help or part.target.short_help or "").strip()
    expect(described, "it has no description; give its function a docstring")


def refuses_unknown_options(part: CommandPart) -> None:
    """Check that an unknown option is refused with exit code 2."""
    result = CliRunner().invoke(part.target, ["--no-such-option"], prog_name=f"ganzoo {part.entry.name}")
    expect(result.exit_code == 2, f"--no-such-option exits with {result.exit_code}, must be refused with 2")


CHECKS = (interface, shows_help, refuses_unknown_options)
