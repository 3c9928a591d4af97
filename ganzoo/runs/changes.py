"""Settings that changed while a run trained: as its provenance and its checkpoints note them. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ganzoo.config.changes import Changes, in_words
from ganzoo.runs.reproduce import public_name
from ganzoo.utils.files import one_line
from ganzoo.utils.safe_yaml import is_number

CHANGES = "changes"  # in the provenance and a checkpoint's meta.json
CHANGED = "settings changed during training"  # the mark of a benchmark's record
PLACES = ("data.root", "metrics.inception", "metrics.weights")  # on one machine
DATA = "data.name"
FROM, TO = "from", "to"


def note_change(changes: Changes, kimg: float, *, edited: bool = False) -> dict[str, Any]:
    """Describe what changes at so many kimg, now. edited: someone wrote it into ``config.yaml``."""
    return {
        "kimg": kimg,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "by": "an edit of config.yaml" if edited else "resume",
        "settings": {key: {FROM: _plain(old), TO: _plain(new)} for key, (old, new) in changes.items()},
    }


def read_changes(noted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the changes that a provenance or a checkpoint notes, oldest first. What is damaged is left out."""
    found = noted.get(CHANGES)
    return [change for change in found if _is_change(change)] if isinstance(found, list) else []


def changes_in_force(
    noted: Iterable[Mapping[str, Any]], settings: Mapping[str, Any], kimg: float
) -> list[dict[str, Any]]:
    """Return the noted changes of a run with these settings, by dotted keys, that resumes at ``kimg``.

    A kill between the writing of the provenance and of the configuration leaves a change that never came into force:
    it is left out. One that is noted later than ``kimg``, whose checkpoint was damaged, comes into force here.
    """
    found = [{**change, "kimg": min(change["kimg"], kimg)} for change in noted]
    while found and any(_plain(settings.get(key)) != change[TO] for key, change in found[-1]["settings"].items()):
        found.pop()
    return found


def change_in_words(change: Mapping[str, Any]) -> str:
    """Write a noted change as one line."""
    changes = {one_line(str(key)): (each[FROM], each[TO]) for key, each in change["settings"].items()}
    return f"from {change['kimg']:g} kimg on {one_line(in_words(changes))}"


def public_changes(noted: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the changes without places on one machine, as :func:`ganzoo.runs.reproduce.public_config` does."""
    found = []
    for change in noted:
        kept = {key: value for key, value in change["settings"].items() if not key.startswith(PLACES)}
        if DATA in kept:
            kept[DATA] = {which: public_name(str(name)) for which, name in kept[DATA].items()}
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


def _plain(value: Any) -> Any:
    """A value as a checksum takes it: a number that is not finite becomes text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
