"""ganzoo: a plugin-based GAN zoo.

Importing this package is cheap (no torch), because plugins import it to register themselves.
"""

import logging
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    LauncherEntry,
    LossEntry,
    MetricEntry,
    Needs,
    PenaltyEntry,
    PenaltyParams,
    PictureSpec,
    StoreEntry,
)
from ganzoo.errors import GanzooError
from ganzoo.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.api import create_model, list_parts, load_generator

API = ("create_model", "list_parts", "load_generator")

try:
    __version__ = version("ganzoo")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a program that uses ganzoo decides what is printed

__all__ = [
    "ArchitectureEntry",
    "AugmentationEntry",
    "CommandEntry",
    "DatasetEntry",
    "GanzooError",
    "LauncherEntry",
    "LossEntry",
    "MetricEntry",
    "Needs",
    "PenaltyEntry",
    "PenaltyParams",
    "PictureSpec",
    "StoreEntry",
    "__version__",
    "create_model",
    "hookimpl",
    "list_parts",
    "load_generator",
]


def __getattr__(name: str) -> Any:
    """Import the Python API when it is first used."""
    if name in API:
        return getattr(import_module("ganzoo.api"), name)
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
