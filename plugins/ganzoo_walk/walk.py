"""A closed walk through a generator's latents, an image a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ganzoo.drawing import check_drawing, draw_seed
from ganzoo.interfaces import Generator
from ganzoo.models.sampling import to_uint8
from ganzoo.utils.spherical import slerp


@torch.no_grad()
def walk(
    generator: Generator, seeds: Sequence[int], frames: int, label: int | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield ``len(seeds) * frames`` images, uint8 ``(C, H, W)`` on the CPU, from each seed to the next and from the
    last one back to the first.

    The latents follow :func:`ganzoo.utils.spherical.slerp` (Shoemake 1985). A stretch begins at its seed and ends one
    frame before the next seed. Class and noise are the first seed's in each frame, so that nothing but the latents
    changes; ``label`` sets the class. The first frame is the image that ``ganzoo sample --seeds`` draws of the first
    seed. Raises GanzooError for a label or a truncation that the generator does not take.
    """
    check_drawing(generator, len(seeds), label, truncation)
    latents, drawn, rng = draw_seed(generator, seeds[0])
    labels = drawn if drawn is None or label is None else torch.full_like(drawn, label)
    noise = rng.get_state()
    anchors = [latents[0], *(draw_seed(generator, seed)[0][0] for seed in seeds[1:])]
    shares = torch.arange(frames, device=latents.device) / frames
    for one, two in zip(anchors, [*anchors[1:], anchors[0]], strict=True):
        for place in slerp(one, two, shares).split(1):
            rng.set_state(noise)
            yield to_uint8(generator(place, labels, rng=rng, truncation=truncation))[0].cpu()


def class_of(generator: Generator, seed: int) -> int | None:
    """The class that a seed draws; None of a generator that reads none."""
    labels = draw_seed(generator, seed)[1]
    return None if labels is None or not generator.conditional else int(labels[0])
