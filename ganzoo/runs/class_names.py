"""The names of a run's classes, which are known even without its data set."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.config.schema import Config
from ganzoo.errors import GanzooError, printable
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.listing import some_of

CLASS_NAMES = "class_names"  # in a checkpoint's meta.json, and under "data" in provenance.json
LISTED = 20  # most names in an error


def class_names(
    config: Config, classes: int, checkpoint: Checkpoint | None = None, directory: RunDir | None = None
) -> tuple[str, ...]:
    """Return the names of a run's classes in the order of the labels; () if they are not known or there are no labels.

    They come from the checkpoint, the run's provenance or the data set's entry: from the first of these with exactly
    ``classes`` names. Each may be untrusted input; a damaged source has no names.
    """
    if not classes:
        return ()
    noted = [
        checkpoint.meta.get(CLASS_NAMES) if checkpoint is not None else None,
        directory_names(directory.provenance()) if directory is not None else None,
        list(config.dataset.class_names),
    ]
    return next((names for found in noted if len(names := _read(found)) == classes), ())


def directory_names(provenance: Mapping[str, Any]) -> list[str]:
    """Return the class names in a run's provenance; [] if it has none or is damaged."""
    data = provenance.get("data")
    return list(_read(data.get(CLASS_NAMES))) if isinstance(data, Mapping) else []


def find_class(wanted: str, names: Sequence[str], classes: int) -> int:
    """Return the label of a class that is given by its name, in upper or lower case, or by its number.

    names: in the order of the labels, () if they are not known. A text that is both a name and a number is read as the
    name. Raises GanzooError for an unknown class, with the nearest name.
    """
    exact = [label for label, name in enumerate(names) if name == wanted]
    folded = [label for label, name in enumerate(names) if name.casefold() == wanted.casefold()]
    if exact or folded:
        return (exact or folded)[0]
    if re.fullmatch(r"-?[0-9]+", wanted):
        if 0 <= int(wanted) < classes:
            return int(wanted)
        raise GanzooError(f"the class is {wanted}, must be 0 to {classes - 1}")
    if not names:
        raise GanzooError(f"the class is {wanted!r}, but the run knows no names; give a number, 0 to {classes - 1}")
    lowered = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(wanted.casefold(), lowered, n=1)
    meant = f"did you mean {lowered[near[0]]!r}? " if near else ""
    raise GanzooError(f"there is no class {wanted!r}; {meant}the classes are {some_of(names, LISTED)}")


def _read(noted: Any) -> tuple[str, ...]:
    if not isinstance(noted, list) or not all(isinstance(name, str) for name in noted):
        return ()
    return tuple(map(printable, noted))


__all__ = ["CLASS_NAMES", "class_names", "directory_names", "find_class"]
