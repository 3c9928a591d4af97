"""One update of the discriminator, one of the generator.

Written so that it can be captured whole as a CUDA graph: static shapes, no Python branch on a tensor's
value, nothing read back to the host. What a run wants to know is summed in :class:`Statistics` on the
device and read once per log interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from ganzoo.distributed import collectives
from ganzoo.distributed.random import share
from ganzoo.interfaces import Augmentation, Discriminator, Generator, Loss, PenaltyInputs
from ganzoo.models.augmented import Augmented, ScheduledPenalty
from ganzoo.training.stats import Statistics


class TrainingStep:
    """Both updates, given networks, optimizers, a loss and penalties; ``rng`` is the step's only randomness."""

    def __init__(
        self,
        *,
        generator: Generator,
        discriminator: Discriminator,
        loss: Loss,
        generator_needs_real: bool,
        optimizer_g: torch.optim.Optimizer,
        optimizer_d: torch.optim.Optimizer,
        rng: torch.Generator,
        statistics: Statistics,
        bf16: bool = False,
        clip_grad: float | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.generator, self.loss, self.augmentation = generator, loss, augmentation
        self.discriminator = Augmented(discriminator, augmentation) if augmentation else discriminator
        self.generator_needs_real = generator_needs_real
        self.optimizer_g, self.optimizer_d = optimizer_g, optimizer_d
        self.rng, self.statistics = rng, statistics
        self.bf16, self.clip_grad = bf16, clip_grad

    def update_discriminator(self, real: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]) -> None:
        """One optimizer step of the discriminator on images ``(N, C, H, W)`` in [-1, 1]."""
        with torch.no_grad():
            latents, fake = self._fakes(real, labels)
        with self.statistics.together():
            self._teach_discriminator(real, latents, fake, labels, penalties)

    def update_generator(self, real: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]) -> None:
        """One optimizer step of the generator; the gradient flows through the discriminator, which stays as it is."""
        with self.statistics.together():
            self._teach_generator(real, *self._fakes(real, labels), labels, penalties)

    def update_both(
        self,
        real: Tensor,
        labels: Tensor | None,
        of_discriminator: Sequence[ScheduledPenalty],
        of_generator: Sequence[ScheduledPenalty],
    ) -> None:
        """One optimizer step of each: the discriminator learns of the fakes that the generator then learns from."""
        latents, fake = self._fakes(real, labels)
        with self.statistics.together():
            self._teach_discriminator(real, latents, fake.detach(), labels, of_discriminator)
            self._teach_generator(real, latents, fake, labels, of_generator)

    def _fakes(self, real: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """As many latents as there are real images, and what the generator makes of them, float32."""
        latents = share(lambda count: self.generator.sample_latents(count, self.rng, real.device), len(real), self.rng)
        with self._autocast():
            return latents, self.generator(latents, labels, rng=self.rng).float()

    def _teach_discriminator(
        self, real: Tensor, latents: Tensor, fake: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]
    ) -> None:
        self.discriminator.requires_grad_(True)
        with self._autocast():
            d_real, d_fake = self._logits(real, fake, labels)
            value = self.loss.discriminator(d_real=d_real, d_fake=d_fake)
            total = self._penalised(value, penalties, real, fake, latents, labels)
        self.statistics.add("loss_discriminator", value)
        self._apply(total, self.optimizer_d, self.discriminator, "discriminator")
        d_real, d_fake = collectives.whole_batch(d_real.detach()), collectives.whole_batch(d_fake.detach())
        with torch.no_grad():
            self.loss.constrain(self.discriminator)
            if self.augmentation is not None:
                self.augmentation.adapt(d_real)
                self.statistics.add("augmentation", self.augmentation.strength)
        self.statistics.add_logits(d_real, d_fake)

    def _teach_generator(
        self, real: Tensor, latents: Tensor, fake: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]
    ) -> None:
        self.discriminator.requires_grad_(False)
        with self._autocast():
            if self.generator_needs_real:
                d_real, d_fake = self._logits(real, fake, labels)
                value = self.loss.generator(d_real=d_real, d_fake=d_fake)
            else:
                d_fake = self.discriminator(fake, labels, rng=self.rng).float()
                value = self.loss.generator(d_real=None, d_fake=d_fake)
            total = self._penalised(value, penalties, real, fake, latents, labels)
        self.statistics.add("loss_generator", value)
        self._apply(total, self.optimizer_g, self.generator, "generator")

    def _logits(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits ``(N,)`` of both, float32: in one call, unless the batch's statistics would mix real with fake."""
        if self.discriminator.mixes_samples:
            d_real = self.discriminator(real, labels, rng=self.rng)
            d_fake = self.discriminator(fake, labels, rng=self.rng)
        else:
            both = None if labels is None else torch.cat([labels, labels])
            d_real, d_fake = self.discriminator(torch.cat([real, fake]), both, rng=self.rng).float().chunk(2)
        return d_real.float(), d_fake.float()

    def _penalised(
        self,
        loss: Tensor,
        penalties: Sequence[ScheduledPenalty],
        real: Tensor,
        fake: Tensor,
        latents: Tensor,
        labels: Tensor | None,
    ) -> Tensor:
        """The loss plus the weighted mean of each penalty."""
        inputs = PenaltyInputs(
            self.generator, self.discriminator, real.detach(), fake.detach(), latents, labels, self.rng
        )
        weighted = []
        for scheduled in penalties:
            value = scheduled.penalty(inputs).float().mean()
            self.statistics.add(f"penalty_{scheduled.name}", value)
            weighted.append(scheduled.weight * value)
        return loss + reduce(add, weighted) if weighted else loss

    def _apply(self, total: Tensor, optimizer: torch.optim.Optimizer, network: nn.Module, name: str) -> None:
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        collectives.average(gradients)
        norm = nn.utils.get_total_norm(gradients)
        if self.clip_grad is not None:
            nn.utils.clip_grads_with_norm_(network.parameters(), self.clip_grad, norm)
        optimizer.step()
        self.statistics.add(f"gradient_{name}", norm)

    def _autocast(self) -> AbstractContextManager[object]:
        if not self.bf16:
            return nullcontext()
        device = next(self.generator.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16)
