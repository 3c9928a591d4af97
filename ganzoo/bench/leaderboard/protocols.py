"""What of a protocol decides a score, so that only scores under the same protocol are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ganzoo.runs.ranking import RANKED_BY

# Parts of a protocol that say how a score was obtained but do not change it.
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
    """Whether a protocol says that the generated images were asked for by class."""
    return protocol.get("classes", "none") != "none"


def protocol_key(protocol: Mapping[str, Any]) -> str:
    """All of a protocol that decides a score; equal for scores that may be compared."""
    return json.dumps(deciding(protocol), sort_keys=True)


def deciding(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a protocol that decide a score."""
    fields = _without_beside(protocol)
    if not fields.get("tf32"):  # a CPU, which has none, does not say so
        fields.pop("tf32", None)
    return fields


def _without_beside(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Without the parts that move no score, those of further extractors included."""
    kept = {key: value for key, value in protocol.items() if key not in BESIDE}
    if isinstance(others := kept.get("extractors"), Mapping):
        kept["extractors"] = {name: _without_beside(one) for name, one in others.items() if isinstance(one, Mapping)}
    return kept
