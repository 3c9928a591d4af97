"""Checks of the entries that plugins register: names, and the places of registered weights."""

from __future__ import annotations

import re

from ganzoo.entries import CommandEntry, Entry, WeightsEntry
from ganzoo.hookspecs import CORE_COMMANDS

PART = "[a-z0-9]+(-[a-z0-9]+)*"
NAME = re.compile(PART)
WEIGHTS = re.compile(rf"{PART}(/{PART})?(\+{PART})+@{PART}")
PLACE = re.compile(r"[\w.]+:[^/].*|[a-z0-9-]+://.+")
SHA256 = re.compile("[0-9a-f]{64}")


def check_entry(entry: Entry) -> None:
    """Check an entry's name and, for weights, its place and checksum. Raises ValueError if one of them is invalid."""
    if isinstance(entry, WeightsEntry):
        _check_weights(entry)
    elif not NAME.fullmatch(entry.name):
        raise ValueError(f"the {entry.kind} name {entry.name!r} must be lower-case letters and digits, joined by '-'")
    if entry.kind == CommandEntry.kind and entry.name in CORE_COMMANDS:
        raise ValueError(f"the command {entry.name!r} is ganzoo's own; choose another name")


def _check_weights(entry: WeightsEntry) -> None:
    if not WEIGHTS.fullmatch(entry.name):
        raise ValueError(f"the weights name {entry.name!r} must be RECIPE@DATA in lower case, such as mlp+hinge@mnist")
    if not PLACE.fullmatch(entry.run):
        raise ValueError(f"the weights {entry.name}: run={entry.run!r} must be package:directory or STORE://PLACE")
    if not SHA256.fullmatch(entry.sha256):
        raise ValueError(f"the weights {entry.name}: sha256 must be 64 digits, 0 to 9 and a to f")
