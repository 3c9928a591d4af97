"""The latent directions along which a generator's images change most, whatever its architecture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.interfaces import Generator
from ganzoo.utils.waiting import counted

COUNT = 8
SAMPLES, BATCH = 1024, 128
SIDE = 32  # pixels of a side at most, when changes are measured


@torch.no_grad()
def principal_directions(generator: Generator, count: int = COUNT, samples: int = SAMPLES, seed: int = 0) -> Tensor:
    """Orthonormal directions ``(count, Z)``, fewer where Z is smaller, the one that changes most first.

    For standard normal latents z and images G(z), E[G(z) z^T] = E[dG/dz] (Stein 1981, Estimation of the Mean of a
    Multivariate Normal Distribution, lemma 2): the mean Jacobian, here from ``samples`` images, whose leading right
    singular vectors these are. Along each, images grow brighter rather than darker.
    """
    rng = torch.Generator().manual_seed(seed)
    device = next(generator.parameters()).device
    latents, images = [], []
    batches = range(0, samples, BATCH)
    for _ in counted("looking for directions in the latents", batches, len(batches), "batches"):
        z = generator.sample_latents(BATCH, rng)
        classes = generator.image.classes
        labels = torch.randint(classes, (BATCH,), generator=rng).to(device) if classes else None
        made = generator(z.to(device), labels).float().cpu()
        if made.shape[2] > SIDE:
            made = F.adaptive_avg_pool2d(made, SIDE)
        latents.append(z)
        images.append(made.flatten(1))
    z, x = torch.cat(latents), torch.cat(images)
    jacobian = (x - x.mean(0)).T @ z / len(z)  # (D, Z)
    directions = torch.linalg.svd(jacobian, full_matrices=False).Vh[:count]
    return directions * torch.where((jacobian @ directions.T).sum(0) < 0, -1.0, 1.0)[:, None]
