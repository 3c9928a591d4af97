"""A generator's images for a score, passed in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.distributed.random import own_rows, random_stream, share
from ganzoo.drawing import CHUNK, check_drawing, takes_labels
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.models.sampling import to_uint8

QUANTISATION = "uint8, round(127.5 x + 127.5) clamped to 0..255, as a PNG holds it"


def fake_images(
    generator: Generator,
    count: int,
    seed: int,
    labels: NDArray[Any] | None,
    truncation: float = 1.0,
    drawn_labels: list[Tensor] | None = None,
) -> Iterator[Tensor]:
    """Yield ``count`` images as uint8 chunks ``(n, C, H, W)`` on the generator's device.

    On several ranks, each yields its own: image k belongs to rank ``k % world``. All random numbers are drawn on the
    CPU, in chunks of fixed size, so that image k depends only on the seed. A conditional generator gets classes drawn
    from the real set's ``labels`` ``(M,)``, and so with their distribution; the classes of each chunk, int64 ``(n,)``,
    are appended to ``drawn_labels``.
    Raises GanzooError for a generator in training mode, for missing labels, and for images that are not finite.
    """
    if takes_labels(generator) and labels is None:
        raise GanzooError(
            "this generator is class-conditional, but the real set to draw its classes from has no labels"
        )
    check_drawing(generator, count, None, truncation)
    pool = torch.from_numpy(np.asarray(labels, dtype=np.int64)) if takes_labels(generator) else None
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    rng = random_stream("cpu", CHUNK, seed)
    for start in range(0, count, CHUNK):
        own = own_rows(rng, start)
        size = max(1, len(range(CHUNK)[own]))
        latents = share(lambda samples: generator.sample_latents(samples, rng, device), size, rng)
        drawn = None
        if pool is not None:
            classes = share(lambda samples: torch.randint(len(pool), (samples,), generator=rng), size, rng)
            drawn = pool[classes]
        with torch.no_grad():
            given = None if drawn is None else drawn.to(device)
            images = generator(latents, given, rng=rng, truncation=truncation)
        images = images[: len(range(min(CHUNK, count - start))[own])]
        if drawn is not None and drawn_labels is not None:
            drawn_labels.append(drawn[: len(images)])
        if not images.isfinite().all():
            raise GanzooError(
                f"the generator's images have NaN or infinite values, from image {start} on; "
                "score an earlier checkpoint"
            )
        yield to_uint8(images)


__all__ = ["QUANTISATION", "fake_images"]
