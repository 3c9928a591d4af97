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
    ExtractorEntry,
    ImageSpec,
    LauncherEntry,
    LossEntry,
    MetricEntry,
    Needs,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    StoreEntry,
    WeightsEntry,
    WeightsScore,
    packed_weights,
)
from ganzoo.errors import GanzooError
from ganzoo.hookspecs import hookimpl
from ganzoo.params import PenaltyParams

if TYPE_CHECKING:
    from ganzoo.api import (
        create_model,
        evaluate,
        image_grid,
        list_parts,
        load,
        load_generator,
        pack_weights,
        show_progress,
        train,
    )
    from ganzoo.run import Run
    from ganzoo.training.callbacks import Callback

API = {
    "Callback": "ganzoo.training.callbacks",
    "Run": "ganzoo.run",
    **dict.fromkeys(
        (
            "create_model",
            "evaluate",
            "image_grid",
            "list_parts",
            "load",
            "load_generator",
            "pack_weights",
            "show_progress",
            "train",
        ),
        "ganzoo.api",
    ),
}

try:
    __version__ = version("ganzoo")
except PackageNotFoundError:  # an uninstalled source tree
    __version__ = "0+unknown"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # the program that imports ganzoo configures logging

__all__ = [
    "ArchitectureEntry",
    "AugmentationEntry",
    "Callback",
    "CommandEntry",
    "DatasetEntry",
    "ExtractorEntry",
    "GanzooError",
    "ImageSpec",
    "LauncherEntry",
    "LossEntry",
    "MetricEntry",
    "Needs",
    "OptimizerEntry",
    "PenaltyEntry",
    "PenaltyParams",
    "Run",
    "StepEntry",
    "StoreEntry",
    "WeightsEntry",
    "WeightsScore",
    "__version__",
    "create_model",
    "evaluate",
    "hookimpl",
    "image_grid",
    "list_parts",
    "load",
    "load_generator",
    "pack_weights",
    "packed_weights",
    "show_progress",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name of the Python API when it is first used."""
    if name in API:
        return getattr(import_module(API[name]), name)
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
