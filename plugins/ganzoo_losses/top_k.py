"""Top-k training: the generator learns from its best fakes (Sinha et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.interfaces import Loss, whole_batch
from ganzoo_losses.losses import Hinge, LeastSquares, Minimax, NonSaturating, PerFake
from ganzoo_losses.params import TopKParams

GAMES: dict[str, type[PerFake]] = {
    "hinge": Hinge,
    "non-saturating": NonSaturating,
    "minimax": Minimax,
    "lsgan": LeastSquares,
}


def lowest_of_best(logits: Tensor, count: Tensor) -> Tensor:
    """Return the lowest of the ``count`` (0-dim, rounded up) highest logits ``(N,)``, 0-dim.

    A threshold chooses without a branch or a shape that depends on a value, so a step can be captured as a CUDA graph.
    """
    ranks = torch.arange(len(logits), device=logits.device)
    return logits.sort(descending=True).values.masked_fill(ranks >= count, torch.inf).min()


class TopK(Loss):
    """A game whose generator learns from its k highest-scored fakes of the batch alone (Sinha et al. 2020).

    k falls from the whole batch to ``nu`` of it, by the same factor in each part of the run; without ``progress`` it is
    the whole batch. Fakes with equal logits are chosen or left out together.
    """

    params: TopKParams

    def __init__(self, params: TopKParams) -> None:
        super().__init__(params)
        self.game = GAMES[params.base](params)

    def discriminator(self, *, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return self.game.discriminator(d_real=d_real, d_fake=d_fake)

    def generator(self, *, d_real: Tensor | None, d_fake: Tensor, progress: Tensor | None = None) -> Tensor:
        if progress is None:
            return self.game.generator(d_real=d_real, d_fake=d_fake)
        whole = whole_batch(d_fake.detach())
        lowest = lowest_of_best(whole, len(whole) * self.params.nu**progress)
        # The ranks' values are averaged, so each divides by its share of the number that is chosen.
        count = (whole >= lowest).sum() * (len(d_fake) / len(whole))
        return torch.where(d_fake.detach() >= lowest, self.game.of_each_fake(d_fake), 0.0).sum() / count
