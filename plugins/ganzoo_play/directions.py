"""The latent directions along which a generator's images change most, for any architecture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.interfaces import Generator
from ganzoo.utils.waiting import counted

COUNT = 8
SAMPLES, BATCH = 1024, 128
SIDE = 32  # pixels of a side at most, for measuring changes


@torch.no_grad()
def principal_directions(generator: Generator, count: int = COUNT, samples: int = SAMPLES, seed: int = 0) -> Tensor:
    """Return orthonormal directions ``(count, Z)``, the strongest change first; fewer if Z is smaller than ``count``.

    They are the leading right singular vectors of the mean Jacobian, estimated from ``samples`` images: for standard
    normal latents z and images G(z), E[G(z) z^T] = E[dG/dz] (Stein 1981, Estimation of the Mean of a Multivariate
    Normal Distribution, lemma 2). Each direction points to where images become brighter.
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
