"""Write a new plugin: a whole distribution that installs, passes its own tests and conforms.

The templates are in ``templates/``: one directory for the files of all kinds, and one for each kind. In a path,
``PACKAGE`` is replaced by the package's name, and ``github`` and ``gitignore`` get a leading dot. In a file, ``$name``
and the like are replaced by the values of :func:`_substitutions`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

from ganzoo import __version__
from ganzoo.entries import WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import whole_directory

PREFIX = "ganzoo-"
TEMPLATES, SUFFIX = Path(__file__).parent / "templates", ".template"
WEIGHTS, LICENCE = WeightsEntry.kind, "MIT"
USAGE = "usage"  # the template of the usage example in the README
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MODULES = {
    "architecture": "networks",
    "loss": "loss",
    "penalty": "penalty",
    "dataset": "images",
    "metric": "score",
    "augmentation": "augmentation",
    "step": "step",
    "optimizer": "optimizer",
    "command": "command",
    "hooks": "hooks",
    "weights": "pack",
}
TITLES = {"dataset": "data set", "hooks": "life-cycle hooks"}
SEVERAL = {"hooks": "Life-cycle hooks", "weights": "Trained generators"}
LOOK = {"hooks": "ganzoo plugins", "weights": "ganzoo list --weights"}


def write_plugin(name: str, kind: str, out: Path | None, registry: Registry, run: str | None = None) -> Path:
    """Write ``ganzoo-NAME``, which registers a part NAME of that kind, and return its directory.

    name: the part's name; a prefix ``ganzoo-`` is dropped. out: the directory, by default ``./ganzoo-NAME``.
    run: for weights only, the run whose generator is packed. Raises GanzooError, before anything is written, for an
    unknown kind, a name that is taken or is not of the form ``soft-hinge``, a directory that exists, or a run that
    cannot be loaded.
    """
    if kind not in MODULES:
        raise GanzooError(f"--kind {kind} is unknown; choose one of {', '.join(MODULES)}")
    if (kind == WEIGHTS) != (run is not None):
        raise GanzooError(f"--kind {WEIGHTS} and --run RUN go together; give both of them or neither")
    name = name.removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        raise GanzooError(f"the name {name!r} must be lower-case letters and digits, joined by '-', such as soft-hinge")
    distribution = PREFIX + name
    package = distribution.replace("-", "_")
    for entry in registry.find(name):
        if entry.kind == kind:
            raise GanzooError(f"the {kind} {name!r} is registered by {entry.owner.origin}; choose another name")
    if importlib.util.find_spec(package) is not None:
        raise GanzooError(f"a module {package} is installed already; choose another name, or uninstall it")
    directory = out or Path(distribution)
    if directory.exists() or directory.is_symlink():
        raise GanzooError(f"{directory} exists already; choose another --out, or another name")
    values = _substitutions(name, kind, distribution, package, registry)
    try:
        with whole_directory(directory) as partial:
            for path, text in _files(kind, values):
                target = partial / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            if run is not None:
                _pack(registry, run, partial / package, name)
    except OSError as error:
        raise GanzooError(f"cannot write {directory}: {error.strerror or error}; choose another --out") from error
    return directory


def _substitutions(name: str, kind: str, distribution: str, package: str, registry: Registry) -> dict[str, str]:
    def any_of(other: str) -> str:
        return next(iter(registry.entries[other]), other.upper())

    values = {
        "name": name,
        "key": name.replace("-", "_"),
        "title": SEVERAL.get(kind, f"The {TITLES.get(kind, kind)} `{name}`"),
        "description": f"{SEVERAL.get(kind, f'A {TITLES.get(kind, kind)}')} for ganzoo",
        "kind": TITLES.get(kind, kind),
        "look": LOOK.get(kind, f"ganzoo info {name}"),
        "distribution": distribution,
        "package": package,
        "module": MODULES[kind],
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "requirement": f"ganzoo>={__version__.partition('+')[0]}",
        "architecture": any_of("architecture"),
        "loss": any_of("loss"),
    }
    usage = TEMPLATES / kind / f"{USAGE}{SUFFIX}"
    return {**values, "usage": Template(usage.read_text(encoding="utf-8")).substitute(values).strip()}


def _pack(registry: Registry, run: str, package: Path, name: str) -> None:
    """Put a run's weights into a package. If the run's images are the user's own, name its data after the plugin."""
    from ganzoo.runs.load import load_config
    from ganzoo.runs.pack import pack
    from ganzoo.runs.run_dir import RunDir
    from ganzoo.runs.store import fetch

    place = fetch(registry, run)
    own = load_config(registry, RunDir.open(place)).dataset.takes_location
    pack(registry, place, package, data=name if own else "", licence=LICENCE)


def _files(kind: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file."""
    for directory in (TEMPLATES / "common", TEMPLATES / kind):
        for file in sorted(directory.rglob(f"*{SUFFIX}")):
            path = str(file.relative_to(directory)).removesuffix(SUFFIX).replace("PACKAGE", values["package"])
            if path != USAGE:
                yield re.sub(r"^git", ".git", path), Template(file.read_text(encoding="utf-8")).substitute(values)
