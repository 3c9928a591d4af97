"""The Python API: train, load, sample and score from a program or a notebook.

Every function is available as ``ganzoo.NAME``. Nothing here prints or changes signal handlers; progress and warnings
reach callbacks and the logger ``ganzoo``.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganzoo.entries import KINDS, PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry

if TYPE_CHECKING:
    import torch

    from ganzoo.interfaces import Generator
    from ganzoo.models.build import Model

logger = logging.getLogger(__name__)


def list_parts(kind: str | None = None, pattern: str = "*") -> list[str]:
    """Return the sorted names of the installed parts.

    kind: "architecture", "loss", "penalty", "augmentation", "dataset", "metric" and so on; None for all of them.
    pattern: a shell pattern such as ``"wgan*"``. Raises GanzooError for an unknown kind.
    """
    registry = Registry.load()
    known = [entry.kind for entry in KINDS]
    if kind is not None and kind not in known:
        raise GanzooError(f"unknown kind {kind!r}; there are {', '.join(known)}")
    names = {name for each in ([kind] if kind else known) for name in registry.entries[each]}
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


def create_model(recipe: str, *, image: PictureSpec | None = None, settings: Mapping[str, Any] | None = None) -> Model:
    """Build the untrained networks, loss and penalties of a recipe such as ``"dcgan+wgan-gp"``, on the CPU.

    image: channels, size and classes of the images, by default one channel of 28x28 pixels. settings: by dotted keys,
    such as ``{"generator.width": 32}``. Raises GanzooError for an unknown part or setting, or an image that the
    architecture cannot draw.
    """
    from ganzoo.config.resolve import resolve
    from ganzoo.models.build import build_model

    config = resolve(Registry.load(), recipe, None, as_arguments(settings))
    return build_model(config, image or PictureSpec(channels=1, size=28))


def load_generator(
    run: str | os.PathLike[str], *, checkpoint: str = "latest", device: torch.device | str | None = None
) -> Generator:
    """Load the averaged generator of a run, in evaluation mode.

    run: a run directory or an address such as ``hf://OWNER/NAME``. checkpoint: "latest", "best" or a checkpoint's name.
    device: by default a GPU if there is one. Raises GanzooError if the run, a plugin that it needs or the checkpoint is
    missing or damaged.
    """
    import torch

    from ganzoo.distributed.device import pick_device
    from ganzoo.runs.load import load_generator
    from ganzoo.runs.store import fetch

    registry = Registry.load()
    place = pick_device("auto") if device is None else torch.device(device)
    return load_generator(registry, fetch(registry, os.fspath(run)), checkpoint, place)


def as_arguments(settings: Mapping[str, Any] | None) -> list[str]:
    """Turn settings by dotted keys into ``KEY=VALUE``, as the command line takes them.

    Raises GanzooError for a value that is not text, a number, a boolean, None or a list of them.
    """
    return [f"{key}={_as_text(key, value)}" for key, value in (settings or {}).items()]


def _as_text(key: str, value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise GanzooError(
            f"{key} is a {type(value).__name__}, must be text, a number, true or false, or a list"
        ) from error
