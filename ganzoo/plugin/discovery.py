"""The sources of plugins: installed distributions, single files, and a directory of files.

``GANZOO_PLUGINS``      the distributions to load in addition to ganzoo's own, separated by commas; empty: no others
``GANZOO_PLUGIN_FILES`` further files to load, separated like PATH; the command line's ``--plugin`` adds to them
``GANZOO_PLUGINS_DIR``  a directory whose ``*.py`` files are also loaded

A file is one plugin and is loaded as a module with the file's name. It may contain registration and classes together,
since only those who use the file pay for its imports.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.utils.files import user_path

GROUP = "ganzoo"
CONTENT = "__ganzoo_content__"  # attribute of a module that was loaded from a file: the file's bytes
ONLY, FILES, DIRECTORY = "GANZOO_PLUGINS", "GANZOO_PLUGIN_FILES", "GANZOO_PLUGINS_DIR"


@dataclass(frozen=True)
class Source:
    """One plugin that is not loaded yet.

    distribution, version: for a file, its name and the start of its content's SHA-256.
    asked_for: whether the user named the file; its failure is then an error.
    """

    load: Callable[[], Any]
    name: str
    distribution: str
    version: str
    file: Path | None = None
    asked_for: bool = False


def find_sources(points: Iterable[EntryPoint] | None = None, files: Iterable[Path] | None = None) -> list[Source]:
    """Return all plugins: the core's own distribution, the others by name, then files in the order they are named.

    points, files: replace the installed entry points and the files in the environment. Raises GanzooError if a named
    distribution or file does not exist.
    """
    installed = _installed() if points is None else points
    found = [_of_point(point) for point in installed]
    found.sort(key=lambda source: (source.distribution != GROUP, source.distribution.lower(), source.name))
    chosen = dict.fromkeys(path.resolve() for path in (_named_files() if files is None else files))
    in_directory = [path.resolve() for path in (_directory_files() if files is None else ())]
    for path in chosen:
        if not path.is_file():
            raise GanzooError(f"there is no plugin file {path}")
    found += [file_source(path, asked_for=True) for path in chosen]
    return found + [file_source(path) for path in in_directory if path not in chosen]


def file_source(path: Path, *, asked_for: bool = False) -> Source:
    """Return the plugin in a file, not loaded yet."""
    digest = "unreadable"  # loading it gives the reason
    with suppress(OSError):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Source(partial(load_file, path), path.stem, path.name, f"sha256:{digest}", path, asked_for)


def load_file(path: Path) -> ModuleType:
    """Load the file as a module with the file's name, so that its import strings ``"NAME:Class"`` work.

    Raises ImportError if the name is invalid or another module has it.
    """
    if path.suffix != ".py" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", path.stem):
        raise ImportError("its name must be NAME.py, NAME of letters, digits, '_' and '-'")
    known, content = sys.modules.get(path.stem), path.read_bytes()
    if known is not None and _origin(known.__spec__) == path:
        if getattr(known, CONTENT, content) == content:
            return known
        known = None  # it was edited since
    found = importlib.util.find_spec(path.stem) if known is None else None
    # A module in the current directory does not conflict: it is this file, or the original of a copy.
    if known is not None or (found is not None and _origin(found).parent not in (path.parent, Path.cwd())):
        raise ImportError(f"a module named {path.stem!r} already exists; rename {path.name}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    setattr(module, CONTENT, content)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _origin(spec: ModuleSpec | None) -> Path:
    """Return the file of a module; a path that does not exist if the module has no file."""
    return Path(spec.origin).resolve() if spec and spec.origin else Path("/none/at/all")


def normal(distribution: str) -> str:
    """Return a distribution's name in the normal form, in which the package index compares names."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _installed() -> list[EntryPoint]:
    found = list(entry_points(group=GROUP))
    if ONLY not in os.environ:
        return found
    wanted = {normal(name.strip()) for name in os.environ[ONLY].split(",") if name.strip()} | {GROUP}
    there = {normal(_distribution(point)[0]) for point in found} | {GROUP}
    if missing := sorted(wanted - there):
        raise GanzooError(
            f"{ONLY} names {', '.join(missing)}, not installed here (there are: {', '.join(sorted(there))})"
        )
    return [point for point in found if normal(_distribution(point)[0]) in wanted]


def _named_files() -> list[Path]:
    return [user_path(text) for text in os.environ.get(FILES, "").split(os.pathsep) if text]


def _directory_files() -> list[Path]:
    setting = os.environ.get(DIRECTORY)
    if not setting:
        return []
    directory = user_path(setting)
    if not directory.is_dir():
        raise GanzooError(f"{DIRECTORY} is {setting}, which is not a directory; create it or unset the variable")
    return sorted(path for path in directory.glob("*.py") if not path.name.startswith(("_", ".")) and path.is_file())


def _of_point(point: EntryPoint) -> Source:
    return Source(point.load, point.name, *_distribution(point))


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return point.value.partition(":")[0], ""
    return point.dist.name, point.dist.version
