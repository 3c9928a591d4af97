"""Find registered weights by their names, and their files on this machine. No torch here."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ganzoo.entries import WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.ranking import Ranking
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import data_root
from ganzoo.utils.listing import some_of

NAMED = re.compile(r"([A-Za-z0-9][\w.:+/-]*)?@[A-Za-z0-9][\w.-]*", re.ASCII)
FILE = "ema.safetensors"
LISTED = 8  # most names in an error


def is_weights(run: str) -> bool:
    """Return whether a run is named as registered weights, ``RECIPE@DATA`` or ``@DATA``; an existing path is not."""
    if "://" in run or not NAMED.fullmatch(run):
        return False
    try:
        return not Path(run).exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def find_weights(registry: Registry, name: str) -> WeightsEntry:
    """Return the weights of that name.

    ``@DATA`` means the best weights for those images, ``dcgan@DATA`` the best of those whose recipe begins with
    ``dcgan``; see :func:`ranked`. Raises GanzooError with the nearest names if there are none.
    """
    if (entry := registry.lookup(WeightsEntry, name)) is not None:
        return entry
    if (clash := registry.clashes.get((WeightsEntry.kind, name))) is not None:
        raise GanzooError(clash)
    recipe, _, data = name.rpartition("@")
    wanted = recipe.split("+") if recipe else []
    known = registry.of_kind(WeightsEntry)
    found = [entry for entry in known if entry.data == data and entry.recipe.split("+")[: len(wanted)] == wanted]
    if found:
        return ranked(found)[0]
    raise GanzooError(f"there are no weights {name!r}, and no such path; {_advice(name, [e.name for e in known])}")


def ranked(entries: Sequence[WeightsEntry]) -> list[WeightsEntry]:
    """Sort weights for the same images, the best first.

    The first scored entry sets the metric and the protocol. Entries with both are compared by their values; the others
    follow in the given order.
    """
    first = next((entry.score for entry in entries if entry.score is not None), None)

    def key(entry: WeightsEntry) -> tuple[bool, float]:
        score = entry.score
        if first is None or score is None or (score.metric, score.protocol) != (first.metric, first.protocol):
            return True, 0.0
        return False, Ranking(first.metric, first.lower_is_better).key(score.value)

    return sorted(entries, key=key)


def is_packed(entry: WeightsEntry) -> bool:
    """Return whether weights are in an installed package, rather than at an address."""
    return "://" not in entry.run


def place_of(entry: WeightsEntry) -> Path:
    """Return the run directory of weights: in the package, or where a download is kept; it may not exist yet.

    Raises GanzooError if the package is not installed.
    """
    if not is_packed(entry):
        name = entry.short.replace("/", ",")
        return data_root(None) / "weights" / f"{name}-{entry.sha256[:12]}"
    package, _, directory = entry.run.partition(":")
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / directory
    raise GanzooError(f"{entry.name}: there is no package {package}; reinstall {entry.owner.distribution}")


def is_local(entry: WeightsEntry) -> bool:
    """Return whether weights are on this machine."""
    try:
        return weights_file(place_of(entry)) is not None
    except GanzooError:
        return False


def weights_file(run: Path) -> Path | None:
    """Return the file of the averaged generator in a run's newest checkpoint; None if there is none."""
    return max(run.glob(f"checkpoints/*/{FILE}"), default=None)


def check_weights(entry: WeightsEntry, run: Path, advice: str) -> Path:
    """Return the file of the weights in a run directory. Raises a GanzooError that ends with ``advice`` if the file is
    missing or its checksum is not the registered one."""
    file = weights_file(run)
    if file is None:
        raise GanzooError(f"{entry.name}: there are no weights in {run}; {advice}")
    try:
        found = sha256_of(file)
    except OSError as error:
        raise GanzooError(f"{entry.name}: cannot read {file}: {error.strerror}; {advice}") from error
    if found != entry.sha256:
        raise GanzooError(f"{entry.name}: {file} is not what {entry.owner.origin} registered (its checksum); {advice}")
    return file


def _advice(name: str, known: Sequence[str]) -> str:
    if not known:
        return "no weights are installed"
    names = {f"@{full.rpartition('@')[2]}" for full in known} if name.startswith("@") else set(known)
    near = difflib.get_close_matches(name, sorted(names), n=2, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {some_of(sorted(known), LISTED)}"
