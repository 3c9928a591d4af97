"""Open data sets by the names that a configuration uses."""

from __future__ import annotations

from typing import Any

from ganzoo.config.recipe import parse_data
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_dataset, peek_dataset
from ganzoo.entries import ImageSpec
from ganzoo.plugin.registry import Registry


def open_images(registry: Registry, name: str, **options: Any) -> Images:
    """Look up ``NAME`` or ``NAME:PATH`` and open it, as ``open_dataset`` does."""
    return open_dataset(*parse_data(name, registry), name, **options)


def peek_spec(registry: Registry, name: str, **options: Any) -> ImageSpec:
    """Look up a data set and return its spec, as ``peek_dataset`` does."""
    return peek_dataset(*parse_data(name, registry), name, **options)
