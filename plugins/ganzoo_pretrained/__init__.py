"""Registers the best generator of each architecture; ``python benchmarks/pretrained.py`` packs them."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import WeightsEntry, hookimpl, packed_weights


@hookimpl
def register_weights(register: Callable[[WeightsEntry], None]) -> None:
    for entry in packed_weights(__name__):
        register(entry)
