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
    """Return the lowest of the ``count`` highest logits ``(N,)``, 0-dim. ``count`` is 0-dim and rounded up.

    The caller selects fakes by this threshold. That needs no branch and no shape that depends on a value, so a step can
    be captured as a CUDA graph.
    """
    ranks = torch.arange(len(logits), device=logits.device)
    return logits.sort(descending=True).values.masked_fill(ranks >= count, torch.inf).min()


class TopK(Loss):
    """A game whose generator learns only from the k highest-scored fakes of the batch (Sinha et al. 2020).

    k falls exponentially over the run, from the whole batch to ``nu`` times the batch; without ``progress`` it is the
    whole batch. Fakes with equal logits are kept or dropped together.
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
        # Losses are averaged over the ranks, so each rank divides by its share of the number of chosen fakes.
        count = (whole >= lowest).sum() * (len(d_fake) / len(whole))
        return torch.where(d_fake.detach() >= lowest, self.game.of_each_fake(d_fake), 0.0).sum() / count
