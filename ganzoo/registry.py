"""Finds plugins, loads them one by one, and looks their entries up by name.

A plugin that fails in any way is reported with its distribution, version and reason; the rest of the
zoo works. What a failing plugin had registered before it failed is not kept.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast

import pluggy

from ganzoo import hookspecs
from ganzoo.entries import KINDS, Entry
from ganzoo.errors import GanzooError

GROUP = "ganzoo"
REGISTRATION = {
    "register_architectures": "architecture",
    "register_losses": "loss",
    "register_penalties": "penalty",
    "register_augmentations": "augmentation",
    "register_datasets": "dataset",
    "register_metrics": "metric",
    "register_launchers": "launcher",
}
E = TypeVar("E", bound=Entry)


@dataclass
class PluginReport:
    """What became of one plugin: where it came from, what it registered, or why it failed."""

    name: str
    distribution: str
    version: str
    registered: list[tuple[str, str]] = field(default_factory=list)
    error: str = ""


class Registry:
    """The installed zoo: ``entries[kind][name]``, and a report on each plugin."""

    def __init__(self, strict: bool | None = None) -> None:
        self.strict = os.environ.get("GANZOO_STRICT", "") not in ("", "0") if strict is None else strict
        self.entries: dict[str, dict[str, Entry]] = {cls.kind: {} for cls in KINDS}
        self.owners: dict[tuple[str, str], PluginReport] = {}
        self.plugins: list[PluginReport] = []
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def load(cls, strict: bool | None = None, points: Iterable[EntryPoint] | None = None) -> Registry:
        """A registry with every installed plugin, the core's own distribution first, then by name."""
        registry = cls(strict)
        found = entry_points(group=GROUP) if points is None else points
        for point in sorted(found, key=lambda p: (_distribution(p)[0] != GROUP, _distribution(p)[0].lower(), p.name)):
            distribution, version = _distribution(point)
            registry.add(point.load, point.name, distribution, version)
        return registry

    def add(self, load: Callable[[], Any], name: str, distribution: str = "", version: str = "") -> PluginReport:
        """Load one plugin and keep all it registers, or nothing and the reason why.

        Raises GanzooError where the plugin fails and the registry is strict.
        """
        report = PluginReport(name, distribution, version)
        self.plugins.append(report)
        plugin: Any = None
        try:
            plugin = load()
            self._manager.register(plugin, name=f"{distribution}:{name}")
            self._manager.check_pending()
            self._commit(self._collect(plugin), report)
        except (Exception, SystemExit) as error:
            if plugin is not None and self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            report.error = _reason(error)
            if self.strict:
                raise GanzooError(
                    f"plugin {name!r} of {distribution} {version}: {report.error}; "
                    "mend or uninstall it, or unset GANZOO_STRICT to go on without it"
                ) from error
        return report

    def _collect(self, plugin: Any) -> list[Entry]:
        staged: list[Entry] = []
        for hook, kind in REGISTRATION.items():
            expected = next(cls for cls in KINDS if cls.kind == kind)

            def register(entry: Entry, hook: str = hook, expected: type[Entry] = expected) -> None:
                if not isinstance(entry, expected):
                    raise TypeError(f"{hook} takes {expected.__name__}, was given {type(entry).__name__}")
                staged.append(entry)

            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin is plugin:
                    impl.function(register)
        return staged

    def _commit(self, staged: list[Entry], report: PluginReport) -> None:
        new: set[tuple[str, str]] = set()
        for entry in staged:
            key = (entry.kind, entry.name)
            if key in new:
                raise ValueError(f"registers the {entry.kind} {entry.name!r} twice")
            if key in self.owners:
                owner = self.owners[key]
                raise ValueError(
                    f"the {entry.kind} name {entry.name!r} is already taken by {owner.distribution} {owner.version}"
                )
            new.add(key)
        for entry in staged:
            self.entries[entry.kind][entry.name] = entry
            self.owners[entry.kind, entry.name] = report
            report.registered.append((entry.kind, entry.name))

    def get(self, cls: type[E], name: str) -> E:
        """The entry of that kind and name. Raises GanzooError with the nearest names and what is installed."""
        return cast(E, self.get_one_of((cls,), name))

    def get_one_of(self, kinds: tuple[type[Entry], ...], name: str) -> Entry:
        """The entry of that name in the only one of these kinds that has it. Raises GanzooError as :meth:`get` does."""
        known = {cls.kind: self.entries[cls.kind] for cls in kinds}
        found = [kind for kind, entries in known.items() if name in entries]
        if len(found) == 1:
            return known[found[0]][name]
        elsewhere = [kind for kind, entries in self.entries.items() if name in entries]
        if found:
            problem = f"{name!r} is {' and '.join(map(_one, found))}"
        elif elsewhere:
            problem = f"{name!r} is {_one(elsewhere[0])}, expected {' or '.join(map(_one, known))}"
        else:
            problem = f"unknown {' or '.join(known)} {name!r}"
            near = difflib.get_close_matches(name, [n for entries in known.values() for n in entries], n=2, cutoff=0.5)
            if near:
                problem += f"; did you mean {' or '.join(near)}?"
        installed = ", ".join(sorted(n for entries in known.values() for n in entries)) or "none"
        failed = [p.distribution for p in self.plugins if p.error]
        hint = f" (failed to load: {', '.join(failed)}; see `ganzoo plugins`)" if failed else ""
        raise GanzooError(f"{problem} (installed: {installed}){hint}")

    def owner(self, entry: Entry) -> PluginReport:
        """Which plugin registered this entry."""
        return self.owners[entry.kind, entry.name]

    def notify(self, hook: str, warn: Callable[[str], None], **arguments: Any) -> None:
        """Call a life-cycle hook, each implementation by itself: one that raises is reported, the others run."""
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                impl.function(**{name: arguments[name] for name in impl.argnames})
            except Exception as error:
                message = f"plugin {impl.plugin_name!r} failed in {hook}: {_reason(error)}"
                if self.strict:
                    raise GanzooError(message) from error
                warn(message)


def load_target(target: str) -> Any:
    """The object an import string ``"module:Name"`` points to. Raises GanzooError where it is not there."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise GanzooError(f"cannot load {target!r}: {_reason(error)}; reinstall the plugin it belongs to") from error


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return point.value.partition(":")[0], ""
    return point.dist.name, point.dist.version


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


__all__ = ["PluginReport", "Registry", "load_target"]
