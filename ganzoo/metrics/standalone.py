"""Scores of generators and images that belong to no run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ganzoo.config.resolve import resolve_scoring
from ganzoo.data.factory import open_dataset
from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.interfaces import Generator
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import Score, score, score_images
from ganzoo.models.sampling import as_uint8
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root


def score_anything(
    registry: Registry,
    generator_or_images: Generator | Tensor | np.ndarray,
    settings: Sequence[str],
    progress: Progress | None = None,
) -> Score:
    """Score an eval-mode generator, or images, against the reference split of a data set.

    settings: ``data.*`` and ``metrics.*`` as ``KEY=VALUE``. The real images are read at the size and in the channels of
    what is scored. Raises GanzooError and NetworkMissing as :func:`ganzoo.metrics.score.score` does.
    """
    entry, location, data, metrics = resolve_scoring(registry, settings)
    prepare_process()
    if isinstance(generator_or_images, Generator):
        images, spec = None, (generator_or_images.image.channels, generator_or_images.image.size)
    else:
        images = as_uint8(generator_or_images)
        spec = images.shape[1], images.shape[2]
    root, device = data_root(data.root), pick_device("auto")
    real = open_dataset(
        entry,
        location,
        data.name,
        split=entry.reference,
        size=data.size or spec[1],
        root=root,
        skip_bad=data.skip_bad,
        channels=str(spec[0]) if data.channels == "auto" else data.channels,
        labels=data.labels,
        params=data.params,
    )
    if images is not None:
        return score_images(metrics, images, real, registry=registry, root=root, device=device, progress=progress)
    assert isinstance(generator_or_images, Generator)
    return score(metrics, generator_or_images, real, registry=registry, root=root, device=device, progress=progress)
