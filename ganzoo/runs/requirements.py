"""The plugin distributions that a run needs, as named in its directory and its checkpoints. No torch here.

The names come from untrusted files. They are only compared with what is installed, and printed; they never cause an
import or an installation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ganzoo.entries import Entry
from ganzoo.errors import GanzooError
from ganzoo.plugin.discovery import normal
from ganzoo.plugin.registry import PluginReport, Registry
from ganzoo.utils.files import one_line

if TYPE_CHECKING:
    from ganzoo.config.schema import Config

logger = logging.getLogger(__name__)
DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+_-]*")


@dataclass(frozen=True)
class Need:
    """One part of a run by its short name, and the distribution and version it came from.

    If the plugin was a file, distribution is the file's name and version is the beginning of its SHA-256.
    """

    kind: str
    name: str
    distribution: str
    version: str

    @property
    def requirement(self) -> str:
        """The requirement to pass to ``pip install``; "" if the plugin was a file."""
        return requirement(self.distribution, self.version)


def requirement(distribution: str, version: str) -> str:
    """Return the requirement to pass to ``pip install`` for a distribution; "" if it is a file, not a distribution."""
    if is_file(version) or not DISTRIBUTION.fullmatch(distribution):
        return ""
    return f"{distribution}=={version}" if VERSION.fullmatch(version) else distribution


def is_file(version: str) -> bool:
    """Return whether a version is that of a plugin file, that is, a digest."""
    return version.startswith("sha256:")


def parts_of(config: Config) -> tuple[Entry, ...]:
    """Return the entries that a run uses: its recipe's parts, its data set, its metrics and their extractors."""
    return (*config.entries, *config.scoring.metrics, *config.scoring.used)


def versions_of(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the version of each distribution that these entries come from; for a plugin file, its digest."""
    return {entry.owner.distribution: entry.owner.version for entry in entries}


def needs_of(config: Config) -> tuple[Need, ...]:
    """Return what a run needs, one for each of its parts."""
    found = (Need(one.kind, one.short, one.owner.distribution, one.owner.version) for one in parts_of(config))
    return tuple(dict.fromkeys(found))


def with_own_parts(registry: Registry, needs: Iterable[Need]) -> Registry:
    """Return a registry in which a name that several plugins register means the part that the run was made with."""
    own, clashes = copy(registry), registry.clashes
    own.entries = {kind: dict(entries) for kind, entries in registry.entries.items()}
    for need in needs:
        if (need.kind, need.name) in clashes:
            for entry in registry.entries[need.kind].values():
                if entry.short == need.name and normal(entry.owner.distribution) == normal(need.distribution):
                    own.entries[need.kind][need.name] = replace(entry, name=need.name)
    return own


def write_needs(needs: Iterable[Need]) -> list[dict[str, str]]:
    """Return the needs as JSON holds them."""
    return [asdict(need) for need in needs]


def read_needs(content: Any, place: str) -> tuple[Need, ...]:
    """Read needs from JSON; None, which runs of older versions have, gives (). Raises GanzooError if it is damaged."""
    try:
        needs = tuple(Need(**item) for item in content or ())
        if not all(isinstance(value, str) for need in needs for value in asdict(need).values()):
            raise TypeError
    except TypeError as error:
        raise GanzooError(f"{place}: its list of needed plugins is damaged; use another checkpoint") from error
    return tuple(Need(*(one_line(value) for value in asdict(need).values())) for need in needs)


def check_needs(
    needs: Iterable[Need],
    plugins: Sequence[PluginReport],
    place: str,
    copies: Mapping[str, Path] | None = None,
) -> None:
    """Raise a GanzooError that says what to install if a needed part is missing; log differing versions.

    plugins: the plugins that this process has. copies: the run's copies of single-file plugins, by the file's name.
    """
    missing: dict[str, list[Need]] = {}
    others: dict[str, None] = {}
    for need in needs:
        here = _loaded(need.distribution, plugins)
        owner = next((plugin for plugin in here if _has(plugin, need)), None)
        if owner is None:
            missing.setdefault(need.distribution, []).append(need)
        elif owner.version != need.version:
            made = f"{place} was made with {need.distribution} {need.version}"
            others[f"{made}, but {owner.version} is installed"] = None
    if missing:
        problems = [_problem(parts, plugins, copies or {}) for parts in missing.values()]
        raise GanzooError(f"{place} needs {'; and '.join(problems)}")
    for line in others:
        logger.warning(line)


def _problem(parts: list[Need], plugins: Sequence[PluginReport], copies: Mapping[str, Path]) -> str:
    """Say which parts of one distribution are needed, why they are missing, and what to do."""
    distribution, version = parts[0].distribution, parts[0].version
    here = _loaded(distribution, plugins)
    failed = next((plugin for plugin in here if plugin.error), None)
    wanted = parts[0].requirement
    if failed:
        fate = f"which failed to load ({failed.error}); fix or reinstall it"
    elif here:
        fate = f"but {here[0].version} is installed, which does not have it: pip install {wanted}"
    elif wanted:
        fate = f"which is not installed: pip install {wanted}"
    else:
        copy = copies.get(PurePath(distribution).name)
        fate = (
            f"which was not loaded: {f'read it, then add --plugin {copy}' if copy else 'name that file with --plugin'}"
        )
    named = ", ".join(f"the {need.kind} {need.name!r}" for need in parts)
    return f"{named} of {distribution} {version}".rstrip() + f", {fate}"


def _has(plugin: PluginReport, need: Need) -> bool:
    """Return whether a plugin registered that part, under its short or its full name in the registry."""
    return any((kind, _short(name)) == (need.kind, need.name) for kind, name in plugin.registered)


def _short(name: str) -> str:
    """Return a name without the distribution that precedes it if several distributions register the name."""
    return name.rpartition(":")[2]


def _loaded(distribution: str, plugins: Sequence[PluginReport]) -> list[PluginReport]:
    """Return the plugins of a distribution, whose name is compared as package indexes do."""
    return [plugin for plugin in plugins if normal(plugin.distribution) == normal(distribution)]
