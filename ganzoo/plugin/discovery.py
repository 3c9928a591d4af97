"""Where plugins come from: installed distributions, single files, a directory of files.

``GANZOO_PLUGINS``      names of the distributions to load beside ganzoo's own, by commas; empty: none of them
``GANZOO_PLUGIN_FILES`` files to load as well, as the command line's ``--plugin`` names them
``GANZOO_PLUGINS_DIR``  a directory whose ``*.py`` files are loaded as well

A file is one plugin, loaded as a module of its own name. It may hold registration and classes together: who names it
pays for its imports.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable
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
ONLY, FILES, DIRECTORY = "GANZOO_PLUGINS", "GANZOO_PLUGIN_FILES", "GANZOO_PLUGINS_DIR"


@dataclass(frozen=True)
class Source:
    """One plugin before it is loaded.

    distribution, version: of a file its name and the beginning of its content's SHA-256.
    asked_for: the user named it, so that it must not fail.
    """

    load: Callable[[], Any]
    name: str
    distribution: str
    version: str
    file: Path | None = None
    asked_for: bool = False


def find_sources(points: Iterable[EntryPoint] | None = None, files: Iterable[Path] | None = None) -> list[Source]:
    """The core's own distribution first, then others by name, then files in the order they are named.

    points, files: instead of what is installed and what the environment names. Raises GanzooError where a distribution
    or a file that was named is not there.
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
    """The plugin in a file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Source(partial(load_file, path), path.stem, path.name, f"sha256:{digest}", path, asked_for)


def load_file(path: Path) -> ModuleType:
    """The file as a module of its own name, so that its import strings work: ``"NAME:Class"``."""
    if path.suffix != ".py" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", path.stem):
        raise ImportError("its name must be NAME.py, NAME of letters, digits, '_' and '-'")
    known = sys.modules.get(path.stem)
    if known is not None and _origin(known.__spec__) == path:
        return known
    found = importlib.util.find_spec(path.stem) if known is None else None
    # One in the current directory is no other module: the file itself, or what this one is a copy of.
    if known is not None or (found is not None and _origin(found).parent not in (path.parent, Path.cwd())):
        raise ImportError(f"a module named {path.stem!r} already exists; rename {path.name}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _origin(spec: ModuleSpec | None) -> Path:
    """The file a module is from; a path that no file has where it is from none."""
    return Path(spec.origin).resolve() if spec and spec.origin else Path("/none/at/all")


def normal(distribution: str) -> str:
    """A distribution's name as the package index compares it."""
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
    return sorted(path for path in directory.glob("*.py") if not path.name.startswith("_"))


def _of_point(point: EntryPoint) -> Source:
    return Source(point.load, point.name, *_distribution(point))


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return point.value.partition(":")[0], ""
    return point.dist.name, point.dist.version
