"""The Python API: train, load, sample and score from a program or a notebook.

Every function is available as ``ganzoo.NAME``; the command line calls the same functions. They print nothing: progress
goes to the callbacks, notes and warnings go to the logger ``ganzoo``. Signal handlers are installed only with
``heed_signals``. torch is imported when a function needs it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.config.arguments import Settings, as_arguments
from ganzoo.entries import KINDS, ImageSpec, WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.store import check_only_checkpoint, is_record
from ganzoo.utils.torch_defaults import torch_defaults

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image
    from torch import Tensor

    from ganzoo.config.schema import Config
    from ganzoo.interfaces import Generator
    from ganzoo.metrics.score import Score
    from ganzoo.models.build import Model
    from ganzoo.run import Run
    from ganzoo.training.callbacks import Callback

RunPath = str | os.PathLike[str]


def list_parts(kind: str | None = None, pattern: str = "*") -> list[str]:
    """Return the sorted names of the installed parts.

    kind: "architecture", "loss", "penalty", "augmentation", "step", "dataset" and so on; None for all kinds.
    pattern: a shell pattern such as ``"wgan*"``. Raises GanzooError if the kind is unknown.
    """
    registry = Registry.load()
    known = [entry.kind for entry in KINDS]
    if kind is not None and kind not in known:
        raise GanzooError(f"unknown kind {kind!r}; there are {', '.join(known)}")
    names = {name for each in ([kind] if kind else known) for name in registry.entries[each]}
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


@torch_defaults()
def create_model(recipe: str, *, image: ImageSpec | None = None, settings: Settings = None) -> Model:
    """Build the untrained networks, loss and penalties of a recipe such as ``"dcgan+wgan-gp"``, on the CPU.

    image: the channels, size and classes of the images, by default one channel of 28x28 pixels. settings: a dictionary
    with dotted keys, such as ``{"generator.width": 32}``. Raises GanzooError if a part or setting is unknown, or if the
    architecture cannot generate such images.
    """
    from ganzoo.config.resolve import resolve
    from ganzoo.models.build import build_model

    if not isinstance(image, ImageSpec | None):
        raise GanzooError(f"image is {image!r}, must be a ganzoo.ImageSpec")
    config = resolve(Registry.load(), recipe, None, as_arguments(settings))
    return build_model(config, image or ImageSpec(channels=1, size=28))


def train(
    recipe: str | None = None,
    *,
    data: str | None = None,
    out: RunPath | None = None,
    callbacks: Iterable[Callback] = (),
    settings: Settings = None,
    config: RunPath | None = None,
    init_from: RunPath | None = None,
    heed_signals: bool = False,
) -> Run:
    """Train and score a combination, and return the finished run.

    recipe: ``ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...]``, e.g. ``"dcgan+wgan-gp"``; None if ``config`` names it.
    data: a data set such as ``"folder:PATH"``. out: the run's directory, by default ``runs/RECIPE-NUMBER``.
    callbacks: ``ganzoo.Callback`` objects, e.g. ``ganzoo.show_progress()``; the hooks of plugins are called after them.
    settings: a dictionary with dotted keys, e.g. ``{"loop.kimg": 50}``. config: a YAML file of settings or a
    benchmark's record. init_from: the source of the initial weights: a run, or an address or registered weights, which
    provide only the generator's weights. heed_signals: on Ctrl-C or SIGTERM, save a checkpoint and return the
    unfinished run; otherwise Ctrl-C raises KeyboardInterrupt, and all progress since the newest checkpoint is lost.

    Raises GanzooError before anything is written if the recipe, a setting or the data cannot be used. Raises
    TrainingFailed if a loss, gradient or score is not finite, WriteFailed if the disk is full, RankLost if another
    process of the run ends; the checkpoints written before remain valid.
    """
    from ganzoo.config.resolve import resolve

    registry = Registry.load()
    chosen = as_arguments(settings)
    if data is not None:
        chosen.append(f"data.name={data}")
    if recipe is None and config is None:
        raise GanzooError("name a recipe, for example dcgan+wgan-gp; ganzoo.list_parts() returns the installed parts")
    resolved = resolve(registry, recipe, _path(config), chosen)
    return train_resolved(registry, resolved, callbacks, out=_path(out), init_from=init_from, heed_signals=heed_signals)


@torch_defaults()
def train_resolved(
    registry: Registry,
    config: Config,
    callbacks: Iterable[Callback] = (),
    *,
    out: Path | None = None,
    init_from: RunPath | None = None,
    heed_signals: bool = False,
) -> Run:
    """Train a configuration that is already resolved; the other arguments are those of :func:`train`."""
    from ganzoo.distributed.collectives import by_first, joined
    from ganzoo.run import Run
    from ganzoo.runs.store import fetch
    from ganzoo.training.callbacks import Hooks, as_callbacks
    from ganzoo.training.run import start

    watching = as_callbacks(callbacks)
    with joined():
        source = None if init_from is None else by_first(partial(fetch, registry, os.fspath(init_from)))
        outcome = start(config, *watching, Hooks(registry), out=out, init_from=source, heed_signals=heed_signals)
    return Run(outcome.directory.path, outcome)


def load(run: RunPath) -> Run:
    """Open a run.

    run: a run directory, an address such as ``hf://OWNER/NAME``, or registered weights such as ``"dcgan+hinge@mnist"``.
    Raises GanzooError if it is not a run.
    """
    from ganzoo.run import Run
    from ganzoo.runs.store import fetch

    return Run(fetch(Registry.load(), os.fspath(run)))


@torch_defaults()
def load_generator(run: RunPath, *, checkpoint: str = "latest", device: torch.device | str | None = None) -> Generator:
    """Load the averaged generator of a run, in evaluation mode.

    run: a run directory, an address such as ``hf://OWNER/NAME``, registered weights such as ``"dcgan+hinge@mnist"``,
    ``"@mnist"`` for the best registered weights of that data set, or a benchmark's record whose weights were kept.
    checkpoint: "latest", "best" or a checkpoint's name. device: by default a GPU if there is one. Raises GanzooError if
    the run, a plugin that it needs or the checkpoint is missing or damaged.
    """
    if is_record(os.fspath(run)):
        from ganzoo.bench.recorded import load_record
        from ganzoo.distributed.device import device_or_auto

        check_only_checkpoint(os.fspath(run), checkpoint)
        return load_record(Path(run), Registry.load())[2].to(device_or_auto(device))
    return load(run).generator(checkpoint, device=device)


@torch_defaults()
def pack_weights(
    run: RunPath,
    package: RunPath,
    *,
    data: str = "",
    licence: str = "",
    checkpoint: str = "latest",
    half: bool = True,
) -> WeightsEntry:
    """Copy a run's averaged generator into a package, which registers it with ``packed_weights``; return its entry.

    run: as for :func:`load`. package: the directory of an import package. data: the word for the images in the name
    ``RECIPE@DATA``, by default the data set's name. licence: the licence of the weights. checkpoint: latest, best, or a
    checkpoint's name. half: write float16. Weights of the same name are replaced. Raises GanzooError if the run cannot
    be loaded or the name cannot be registered.
    """
    from ganzoo.runs.pack import pack
    from ganzoo.runs.store import fetch

    registry, place = Registry.load(), Path(package)
    found = fetch(registry, os.fspath(run))
    return pack(registry, found, place, data=data, licence=licence, checkpoint=checkpoint, half=half)


@torch_defaults()
def evaluate(
    generator_or_images: Generator | Tensor | np.ndarray,
    *,
    data: str | None = None,
    reference: str | None = None,
    metrics: Sequence[str] | None = None,
    samples: int = 10_000,
    seed: int = 0,
    callbacks: Iterable[Callback] = (),
    settings: Settings = None,
) -> Score:
    """Score a generator or images against a data set, or against statistics in a file.

    generator_or_images: a generator in evaluation mode, or images ``(N, C, H, W)``: uint8, or float in [-1, 1].
    data: a data set such as ``"folder:PATH"``, whose reference split is used. reference: replaces ``data`` with a set
    and its split, such as ``"cifar10:test"``, or with ``"FILE.npz"``. metrics: the names of the metrics, by default
    those of a run. samples: the number of images that a generator draws, from ``seed``. callbacks:
    :class:`ganzoo.Callback` objects, e.g. :func:`ganzoo.show_progress`, which get the progress. settings: ``data.*``
    and ``metrics.*`` as dotted keys, e.g. ``{"metrics.mode": "fast"}``.

    Raises GanzooError if a metric or data set is unknown or the images do not fit the data set. Raises NetworkMissing
    if the network of an extractor is not on this machine and cannot be downloaded.
    """
    from ganzoo.config.resolve import resolve_scoring
    from ganzoo.metrics.configured import score_anything
    from ganzoo.run import as_names
    from ganzoo.training.callbacks import as_callbacks, audience

    named = {
        "data.name": data,
        "metrics.reference": reference,
        "metrics.names": None if metrics is None else as_names(metrics),
        "metrics.fakes": samples,
        "metrics.seed": seed,
    }
    given = as_arguments({key: value for key, value in named.items() if value is not None})
    chosen = [*given, *as_arguments(settings)]
    if not any(setting.startswith(("data.name=", "metrics.reference=")) for setting in chosen):
        raise GanzooError("name what to score against: data=SET, or reference=SET:SPLIT or FILE.npz")
    with audience(as_callbacks(callbacks)) as watched:
        return score_anything(generator_or_images, *resolve_scoring(Registry.load(), chosen), watched.scoring)


def show_progress() -> Callback:
    """Return a callback that shows the figures and sample grids of a run while it trains, in a notebook or terminal."""
    from ganzoo.console.display import make_display
    from ganzoo.console.notebook import NotebookDisplay, in_notebook

    return NotebookDisplay() if in_notebook() else make_display()


@torch_defaults()
def image_grid(images: Tensor, columns: int = 8) -> Image.Image:
    """Lay out images ``(N, C, H, W)``, uint8 or float in [-1, 1], in a grid.

    Return a PIL image, which a notebook displays. Raises GanzooError if the images are not such images, or the number
    of columns is below 1.
    """
    import torch

    from ganzoo.models.sampling import as_uint8, grid

    if columns < 1:
        raise GanzooError(f"columns is {columns}, must be 1 or more")
    return grid(torch.from_numpy(as_uint8(images)), columns)


def _path(path: RunPath | None) -> Path | None:
    return None if path is None else Path(path)
