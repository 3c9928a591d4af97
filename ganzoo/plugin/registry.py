"""The registry, which loads plugins one by one and looks up their entries by name.

If a plugin fails, it is reported with its distribution, version and the reason, its entries are dropped, and the rest
of the zoo still works. If two distributions register the same name, both parts are available under their full names,
``distribution:name``, and the short name is refused.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar, cast

import pluggy

from ganzoo import hookspecs
from ganzoo.entries import KINDS, Entry, Owner
from ganzoo.errors import GanzooError, described
from ganzoo.plugin.discovery import GROUP, find_sources, normal
from ganzoo.plugin.names import check_entry
from ganzoo.utils.listing import did_you_mean

PLURALS = {"loss": "losses", "penalty": "penalties", "weights": "weights"}
REGISTRATION = {f"register_{PLURALS.get(cls.kind, f'{cls.kind}s')}": cls for cls in KINDS}
"""The entry class of each registration hook."""
E = TypeVar("E", bound=Entry)


@dataclass
class PluginReport:
    """The report on one plugin.

    registered: the kind and name of each part. hooks: the hooks that it implements. warnings: about hooks that will be
    removed. error: why it failed, "" if it did not. file: the file of a single-file plugin, or None.
    """

    name: str
    distribution: str
    version: str
    registered: list[tuple[str, str]] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    file: Path | None = None

    @property
    def owner(self) -> Owner:
        """The owner of the plugin's entries."""
        return Owner(self.distribution, self.version, self.file)

    @property
    def origin(self) -> str:
        """The distribution and its version, for messages."""
        return self.owner.origin


class Registry:
    """The installed parts, as ``entries[kind][name]``, and a report on each plugin.

    strict: raise GanzooError if a plugin fails; None: as ``GANZOO_STRICT`` says.
    """

    def __init__(self, strict: bool | None = None) -> None:
        self.strict = os.environ.get("GANZOO_STRICT", "") not in ("", "0") if strict is None else strict
        self.entries: dict[str, dict[str, Entry]] = {cls.kind: {} for cls in KINDS}
        self.plugins: list[PluginReport] = []
        self._claims: dict[tuple[str, str], list[PluginReport]] = {}
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def load(
        cls, strict: bool | None = None, points: Iterable[EntryPoint] | None = None, files: Iterable[Path] | None = None
    ) -> Registry:
        """Return a registry with all plugins that :func:`ganzoo.plugin.discovery.find_sources` finds.

        Raises GanzooError if a file that the user named fails.
        """
        registry = cls(strict)
        for source in find_sources(points, files):
            report = registry.add(source.load, source.name, source.distribution, source.version, source.file)
            if report.error and source.asked_for:
                raise GanzooError(f"the plugin file {source.file} failed: {report.error}")
        return registry

    def add(
        self, load: Callable[[], Any], name: str, distribution: str = "", version: str = "", file: Path | None = None
    ) -> PluginReport:
        """Load one plugin and keep all its entries; if it fails, keep none and note the reason in the report.

        Raises GanzooError if the plugin fails and the registry is strict.
        """
        report = PluginReport(name, distribution, version, file=file)
        self.plugins.append(report)
        plugin: Any = None
        try:
            plugin = load()
            with warnings.catch_warnings(record=True) as caught:  # pluggy's, about hooks that will be removed
                warnings.simplefilter("always")
                self._manager.register(plugin, name=f"{distribution}:{name}")
            report.warnings = [" ".join(str(warning.message).split()) for warning in caught]
            self._refuse_unknown_hooks()
            hooks = sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
            if not hooks:
                raise TypeError("it has no hook; mark its functions with @ganzoo.hookimpl")
            self._commit(self._collect(plugin), report)
            report.hooks = hooks
        except (Exception, SystemExit) as error:
            if plugin is not None and self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            report.error = described(error)
            if self.strict:
                raise GanzooError(
                    f"plugin {name!r} of {report.origin}: {report.error}; "
                    "fix or uninstall it, or unset GANZOO_STRICT to continue without it"
                ) from error
        return report

    def _refuse_unknown_hooks(self) -> None:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            unknown = re.search(r"unknown hook '(\w+)'", str(error))
            if unknown is None:
                raise
            known = [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "ganzoo_spec")]
            hint = did_you_mean(unknown[1], known, most=1, cutoff=0.6) or f"; there are {', '.join(known)}"
            raise TypeError(f"unknown hook {unknown[1]!r}{hint}") from error

    def _collect(self, plugin: Any) -> list[Entry]:
        staged: list[Entry] = []
        for hook, expected in REGISTRATION.items():

            def register(entry: Entry, hook: str = hook, expected: type[Entry] = expected) -> None:
                if not isinstance(entry, expected):
                    raise TypeError(f"{hook} takes {expected.__name__}, was given {type(entry).__name__}")
                staged.append(entry)

            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin is plugin:
                    returned = _call(impl, register=register)
                    if returned is not None:
                        kind = type(returned).__name__
                        raise TypeError(f"{hook} returned a {kind}; call register(entry) for each and return nothing")
        return staged

    def _commit(self, staged: list[Entry], report: PluginReport) -> None:
        new: set[tuple[str, str]] = set()
        for entry in staged:
            key = (entry.kind, entry.name)
            check_entry(entry)
            others = self._claims.get(key, [])
            if key in new or any(normal(other.distribution) == normal(report.distribution) for other in others):
                raise ValueError(f"{report.distribution} registers the {entry.kind} {entry.name!r} twice")
            if others and self.strict:
                raise ValueError(self._ambiguous(entry.kind, entry.name, [*others, report]))
            new.add(key)
        for entry in staged:
            self._keep(entry, report)

    def _keep(self, entry: Entry, report: PluginReport) -> None:
        """Keep an entry under its short name, or under its full name if another distribution registers the same one."""
        key = (entry.kind, entry.name)
        claims = self._claims.setdefault(key, [])
        claims.append(report)
        if len(claims) == 2:
            first = claims[0]
            first.registered.remove(key)
            self._put(replace(self.entries[entry.kind].pop(entry.name), name=_full(first, entry.name)), first)
        self._put(entry if len(claims) == 1 else replace(entry, name=_full(report, entry.name)), report)

    def _put(self, entry: Entry, report: PluginReport) -> None:
        self.entries[entry.kind][entry.name] = replace(entry, owner=report.owner)
        report.registered.append((entry.kind, entry.name))

    def get(self, cls: type[E], name: str, near: Entry | None = None) -> E:
        """Return the entry of that kind and name. Raises GanzooError, with similar and installed names, if none has it.

        near: the entry that refers to the name; if several distributions register the name, it means its own's.
        """
        found = self.lookup(cls, name, near)
        return cast(E, self.get_one_of((cls,), name)) if found is None else found

    def lookup(self, cls: type[E], name: str, near: Entry | None = None) -> E | None:
        """Return the entry as :meth:`get` does, but None if there is no such entry or more than one."""
        entries = self.entries[cls.kind]
        if name in entries:
            return cast(E, entries[name])
        if near is not None and ":" not in name:
            name = f"{near.owner.distribution}:{name}"
        distribution, colon, short = name.rpartition(":")
        for entry in entries.values() if colon else ():
            if entry.short == short and normal(entry.owner.distribution) == normal(distribution):
                return cast(E, entry)
        return None

    def of_kind(self, cls: type[E]) -> list[E]:
        """Return all entries of that kind."""
        return cast(list[E], list(self.entries[cls.kind].values()))

    def default(self, cls: type[E]) -> E | None:
        """Return the entry of that kind that is marked as the default; None if none is."""
        return next((entry for entry in self.of_kind(cls) if getattr(entry, "default", False)), None)

    def get_one_of(self, kinds: tuple[type[Entry], ...], name: str) -> Entry:
        """Return the entry of that name, which exactly one of these kinds must have. Raises GanzooError if not."""
        found = [entry for cls in kinds if (entry := self.lookup(cls, name)) is not None]
        if len(found) == 1:
            return found[0]
        names = [cls.kind for cls in kinds]
        claimed = [kind for kind in names if len(self._claims.get((kind, name), [])) > 1]
        elsewhere = [cls.kind for cls in KINDS if self.lookup(cls, name) is not None]
        known = sorted(known for kind in names for known in self.entries[kind])
        if claimed:
            raise GanzooError(self._ambiguous(claimed[0], name, self._claims[claimed[0], name]))
        if found:
            problem = f"{name!r} is {' and '.join(_one(entry.kind) for entry in found)}"
        elif elsewhere:
            problem = f"{name!r} is {_one(elsewhere[0])}, expected {' or '.join(map(_one, names))}"
        else:
            problem = f"unknown {' or '.join(names)} {name!r}{did_you_mean(name, known)}"
        failed = [p.distribution for p in self.plugins if p.error]
        hint = f" (failed to load: {', '.join(failed)}; see `ganzoo plugins`)" if failed else ""
        raise GanzooError(f"{problem} (installed: {', '.join(known) or 'none'}){hint}")

    def find(self, name: str) -> list[Entry]:
        """Return all entries with that short or full name, of any kind and distribution."""
        entries = [entry for cls in KINDS for entry in self.entries[cls.kind].values() if entry.short == name]
        return entries or [entry for cls in KINDS if (entry := self.lookup(cls, name)) is not None]

    @property
    def files(self) -> dict[str, Path]:
        """The plugins that are single files and did not fail: their paths by file name."""
        return {report.file.name: report.file for report in self.plugins if report.file and not report.error}

    @property
    def clashes(self) -> dict[tuple[str, str], str]:
        """The kinds and short names that several distributions register, each with a line that says what to write."""
        return {key: self._ambiguous(*key, claims) for key, claims in self._claims.items() if len(claims) > 1}

    def _ambiguous(self, kind: str, name: str, claims: list[PluginReport]) -> str:
        return (
            f"the {kind} {name!r} is registered by {' and by '.join(report.origin for report in claims)}; "
            f"write {' or '.join(_full(report, name) for report in claims)}"
        )

    def notify(self, hook: str, only: Collection[str] | None = None, **arguments: Any) -> list[str]:
        """Call a life-cycle hook of all plugins, even if some raise; return a line for each plugin that raised.

        only: the plugins ``distribution:name`` to call; None for all. Raises GanzooError at the first failure if the
        registry is strict.
        """
        failures = []
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            if only is not None and impl.plugin_name not in only:
                continue
            try:
                _call(impl, **arguments)
            except Exception as error:
                message = f"plugin {impl.plugin_name!r} failed in {hook}: {described(error)}"
                if self.strict:
                    raise GanzooError(message) from error
                failures.append(message)
        return failures


def _call(impl: Any, **arguments: Any) -> Any:
    """Call a hook with the arguments that it names, so that new arguments do not break existing hooks."""
    return impl.function(**{name: arguments[name] for name in impl.argnames})


def _full(report: PluginReport, name: str) -> str:
    return f"{report.distribution}:{name}"


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
