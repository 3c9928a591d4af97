"""Checks of the entries that plugins register: names, types, and the places of registered weights."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from typing import get_type_hints

from ganzoo.entries import CommandEntry, Entry, Needs, WeightsEntry
from ganzoo.hookspecs import CORE_COMMANDS

PART = "[a-z0-9]+(-[a-z0-9]+)*"
NAME = re.compile(PART)
WEIGHTS = re.compile(rf"{PART}(/{PART})?(\+{PART})+@{PART}")
PLACE = re.compile(r"[\w.]+:[^/].*|[a-z0-9-]+://.+")
SIMPLE = (str, int, bool, Needs)  # types of fields that are checked
SHA256 = re.compile("[0-9a-f]{64}")


def check_entry(entry: Entry) -> None:
    """Check an entry's name, the types of its fields and, for weights, its place and checksum.

    Raises ValueError or TypeError if one of them is invalid.
    """
    _check_types(entry)
    if isinstance(entry, WeightsEntry):
        _check_weights(entry)
    elif not NAME.fullmatch(entry.name):
        raise ValueError(f"the {entry.kind} name {entry.name!r} must be lower-case letters and digits, joined by '-'")
    if entry.kind == CommandEntry.kind and entry.name in CORE_COMMANDS:
        raise ValueError(f"the command {entry.name!r} is ganzoo's own; choose another name")


def _check_types(entry: Entry) -> None:
    hints = get_type_hints(type(entry))
    for name, kind in ((field.name, hints[field.name]) for field in fields(entry)):
        value = getattr(entry, name)
        if kind in SIMPLE and not isinstance(value, kind):
            raise TypeError(f"the {entry.kind} {entry.name!r}: {name} is {value!r}, must be of type {kind.__name__}")
    params = getattr(entry, "params", None)
    if params is not None and not (isinstance(params, type) and is_dataclass(params)):
        raise TypeError(f"the {entry.kind} {entry.name!r}: params is {params!r}, must be a dataclass")


def _check_weights(entry: WeightsEntry) -> None:
    if not WEIGHTS.fullmatch(entry.name):
        raise ValueError(f"the weights name {entry.name!r} must be RECIPE@DATA in lower case, such as mlp+hinge@mnist")
    if not PLACE.fullmatch(entry.run):
        raise ValueError(f"the weights {entry.name}: run={entry.run!r} must be package:directory or STORE://PLACE")
    if not SHA256.fullmatch(entry.sha256):
        raise ValueError(f"the weights {entry.name}: sha256 must be 64 digits, 0 to 9 and a to f")
    if entry.score is not None and not math.isfinite(entry.score.value):
        raise ValueError(f"the weights {entry.name}: the score's value is {entry.score.value}, must be a finite number")
