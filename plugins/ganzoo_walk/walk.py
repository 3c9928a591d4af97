"""A closed walk through a generator's latents, one image per step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ganzoo.drawing import check_drawing, draw_seed, takes_labels
from ganzoo.interfaces import Generator
from ganzoo.models.sampling import to_uint8
from ganzoo.utils.spherical import slerp


@torch.no_grad()
def walk(
    generator: Generator, seeds: Sequence[int], frames: int, label: int | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield ``len(seeds) * frames`` images, uint8 ``(C, H, W)`` on the CPU, from each seed to the next and from the
    last one back to the first.

    The latents follow :func:`ganzoo.utils.spherical.slerp` (Shoemake 1985). Each stretch begins at its seed and ends
    one frame before the next seed. All frames use the class and the noise of the first seed, so only the latents
    change; ``label`` sets another class. The first frame is the image that ``ganzoo sample --seeds`` draws for the
    first seed. Raises GanzooError if the generator does not accept the label or the truncation.
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
    """Return the class that a seed draws; None for a generator that is not conditional."""
    labels = draw_seed(generator, seed)[1]
    return None if labels is None or not takes_labels(generator) else int(labels[0])
