"""Settings that changed while a run trained, as its provenance and its checkpoints record them. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ganzoo.config.changes import Changes, in_words
from ganzoo.runs.reproduce import public_name
from ganzoo.utils.files import one_line
from ganzoo.utils.safe_yaml import is_number

CHANGES = "changes"  # key in the provenance and in a checkpoint's meta.json
CHANGED = "settings changed during training"  # the mark of a benchmark's record
PLACES = ("data.root", "metrics.inception", "metrics.weights")  # paths on one machine
NAMES = {"data.name", "metrics.reference"}  # may contain a path
FROM, TO = "from", "to"


def note_change(changes: Changes, kimg: float, *, edited: bool = False) -> dict[str, Any]:
    """Return the record of changes made now, at ``kimg``. edited: whether the user edited ``config.yaml``."""
    return {
        "kimg": kimg,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "by": "an edit of config.yaml" if edited else "resume",
        "settings": {key: {FROM: plain(old), TO: plain(new)} for key, (old, new) in changes.items()},
    }


def read_changes(noted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the changes in a provenance or a checkpoint's meta, oldest first. Damaged records are left out."""
    found = noted.get(CHANGES)
    return [change for change in found if _is_change(change)] if isinstance(found, list) else []


def changes_in_force(
    noted: Iterable[Mapping[str, Any]], settings: Mapping[str, Any], kimg: float
) -> list[dict[str, Any]]:
    """Return the recorded changes that apply to a run with these settings, by dotted keys, that resumes at ``kimg``.

    If the run was killed after it wrote the provenance and before it wrote the configuration, the last change never
    took effect, and is left out. A change recorded later than ``kimg``, whose checkpoint was damaged, takes effect at
    ``kimg``.
    """
    found = [{**change, "kimg": min(change["kimg"], kimg)} for change in noted]
    while found and any(plain(settings.get(key)) != change[TO] for key, change in found[-1]["settings"].items()):
        found.pop()
    return found


def change_in_words(change: Mapping[str, Any]) -> str:
    """Describe a recorded change in one line."""
    changes = {one_line(str(key)): (each[FROM], each[TO]) for key, each in change["settings"].items()}
    return f"from {change['kimg']:g} kimg on {one_line(in_words(changes))}"


def public_changes(noted: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the changes without this machine's paths, as :func:`ganzoo.runs.reproduce.public_config` does."""
    found = []
    for change in noted:
        kept = {key: value for key, value in change["settings"].items() if not key.startswith(PLACES)}
        for key in NAMES & kept.keys():
            kept[key] = {which: name and public_name(str(name)) for which, name in kept[key].items()}
        if kept:
            found.append({**change, "settings": kept})
    return found


def _is_change(change: Any) -> bool:
    settings = change.get("settings") if isinstance(change, dict) else None
    return (
        isinstance(settings, dict)
        and is_number(change.get("kimg"))
        and all(isinstance(each, dict) and {FROM, TO} <= each.keys() for each in settings.values())
    )


def plain(value: Any) -> Any:
    """Return a value that JSON and a checksum accept: infinity and NaN become text, in lists and mappings too."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
