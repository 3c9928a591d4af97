"""The part of a protocol that determines a score; only scores that agree in it are compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ganzoo.runs.ranking import RANKED_BY
from ganzoo.utils.layers import flatten

LACKING: Any = object()
# Fields of a protocol that may differ between comparable scores: they document how a score was obtained.
BESIDE = frozenset(
    (
        "seed",
        "real_statistics",
        "network_file",
        "network_source",
        "network_name",
        "extractor_device",
        "torch_fidelity",
        "timm",
        "metrics",
        RANKED_BY,
    )
)


def is_conditional(protocol: Mapping[str, Any]) -> bool:
    """Return whether a protocol says that the generator was given classes."""
    return protocol.get("classes", "none") != "none"


def protocol_key(protocol: Mapping[str, Any]) -> str:
    """Return the fields that determine a score, as JSON; equal for scores that may be compared."""
    return json.dumps(deciding(protocol), sort_keys=True)


def deciding(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a protocol that determine a score."""
    fields = _without_beside(protocol)
    if not fields.get("tf32"):  # a CPU has no TF32, and its protocol lacks the field
        fields.pop("tf32", None)
    return fields


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields that determine a score and differ, by dotted key, with the values of both protocols.

    The value of a field that a protocol lacks is :data:`LACKING`.
    """
    left, right = (dict(flatten(deciding(protocol))) for protocol in (one, other))
    for key in sorted(left.keys() | right.keys()):
        values = left.get(key, LACKING), right.get(key, LACKING)
        if values[0] != values[1]:
            yield key, *values


def _without_beside(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return a protocol without the fields in ``BESIDE``, also in its descriptions of further extractors."""
    kept = {key: value for key, value in protocol.items() if key not in BESIDE}
    if isinstance(others := kept.get("extractors"), Mapping):
        kept["extractors"] = {name: _without_beside(one) for name, one in others.items() if isinstance(one, Mapping)}
    return kept
