"""ganzoo: a plugin-based GAN zoo.

Importing this package is cheap (no torch), because plugins import it to register themselves.
"""

from importlib.metadata import PackageNotFoundError, version

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
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

try:
    __version__ = version("ganzoo")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "ArchitectureEntry",
    "AugmentationEntry",
    "CommandEntry",
    "DatasetEntry",
    "ExtractorEntry",
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
    "hookimpl",
]
