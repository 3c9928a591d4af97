"""What every launcher must do, as far as it can be checked without its machines."""

from __future__ import annotations

from ganzoo.bench.launcher import Launcher
from ganzoo.entries import LauncherEntry
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import expect


class LauncherPart:
    """A launcher with its default parameters."""

    def __init__(self, entry: LauncherEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig


def interface(part: LauncherPart) -> None:
    """Check that the class follows its interface and is built from the entry's parameters."""
    cls = part.entry.load()
    expect(
        isinstance(cls, type) and issubclass(cls, Launcher),
        f"{part.entry.target} is not a ganzoo.bench.launcher.Launcher",
    )
    cls(part.entry.params())


CHECKS = (interface,)
