"""Convert a program's settings to the form of the command line. No torch here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ganzoo.errors import GanzooError

Settings = Mapping[str, Any] | Sequence[str] | None
"""Settings by dotted keys, or a list of ``KEY=VALUE``."""


def as_arguments(settings: Settings) -> list[str]:
    """Turn settings into a list of ``KEY=VALUE``.

    Raises GanzooError for a value that is not text, a path, a number, a boolean, None or a list or mapping of them.
    """
    if settings is None:
        return []
    if isinstance(settings, Mapping):
        return [f"{key}={_as_text(key, value)}" for key, value in settings.items()]
    if isinstance(settings, Iterable) and not isinstance(settings, str):
        found = list(settings)
        if all(isinstance(each, str) for each in found):
            return found
    raise GanzooError(f"settings is {settings!r}, must be a mapping or a list of KEY=VALUE")


def _as_text(key: str, value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        kind = type(value).__name__
        raise GanzooError(f"{key} is of the type {kind}, must be text, a number, true or false, or a list") from error
