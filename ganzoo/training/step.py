"""The update of the discriminator and the update of the generator.

A whole step can be captured as a CUDA graph: shapes are static, no Python branch depends on a tensor's value, and
nothing is read back to the host. :class:`Statistics` sums the values for the log on the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.distributed import collectives
from ganzoo.distributed.random import share
from ganzoo.interfaces import Augmentation, Discriminator, DiscriminatorOutputs, Generator, Loss, PenaltyInputs, Side
from ganzoo.models.augmented import Augmented, ScheduledPenalty
from ganzoo.training.scaling import Unscaled, autocast, for_penalties
from ganzoo.training.stats import Statistics
from ganzoo.utils.keywords import accepted

OUTPUTS = ("real_outputs", "fake_outputs")
OPTIONAL = (*OUTPUTS, "labels", "latents", "progress", "rng")  # arguments that a loss gets only if it names them


@dataclass(frozen=True)
class Batch:
    """The inputs of one forward and backward pass, on the run's device.

    real: images ``(N, C, H, W)`` in [-1, 1], float32. labels: int64 ``(N,)``, shared by the fakes, or None.
    latents: ``(N, Z)``. fake: images like the real ones; in a generator step the gradient flows back through them.
    """

    real: Tensor
    labels: Tensor | None
    latents: Tensor
    fake: Tensor


class TrainingStep:
    """Both updates, given networks, optimizers, a loss and penalties; constructed by the loop on every rank.

    generator, loss, statistics: attributes for subclasses; ``statistics.add(name, scalar)`` adds to the log.
    discriminator: if the recipe has an augmentation, the attribute augments the images before they are judged.
    rng: the step's only source of randomness. progress: a 0-dim tensor, the completed share of the run from 0 to 1.
    generator_needs_real: the generator's side of the loss reads real images too.
    needs_outputs: a part of the recipe reads more of the discriminator's outputs than the logits.
    accumulate: the number of parts of a batch; they run one after the other to save memory, with averaged gradients.
    companions: the further networks from :meth:`networks`, by side. params: the parameters of a registered step.
    scalers: the scalers of the losses in fp16, by side.

    To train by other rules, register a subclass as a :class:`ganzoo.entries.StepEntry`. It may override
    :meth:`networks`, :meth:`judge`, :meth:`judge_fakes`, the two losses, or the updates.
    """

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
        needs_outputs: bool = False,
        accumulate: int = 1,
        companions: Mapping[Side, nn.Module] | None = None,
        params: Any = None,
        scalers: Mapping[str, Unscaled] | None = None,
    ) -> None:
        self.generator, self.loss, self.augmentation = generator, loss, augmentation
        self._bounded = discriminator  # without the augmentation
        self.discriminator = Augmented(discriminator, augmentation) if augmentation else discriminator
        self.generator_needs_real = generator_needs_real
        self.optimizer_g, self.optimizer_d = optimizer_g, optimizer_d
        self.rng, self.statistics = rng, statistics
        self.bf16, self.clip_grad, self.accumulate = bf16, clip_grad, accumulate
        self.companions, self.params = companions or {}, params
        self.fp16 = bool(scalers)
        self.scalers = scalers or dict.fromkeys(("discriminator", "generator"), Unscaled())
        self._optional = {side: accepted(getattr(loss, side), OPTIONAL) for side in ("discriminator", "generator")}
        self.needs_outputs = needs_outputs or any(set(OUTPUTS) & set(names) for names in self._optional.values())
        self._adapted_by = accepted(augmentation.adapt, ("progress",)) if augmentation is not None else ()
        # The completed share of the run. A tensor, as a captured step would keep using a number from capture time.
        self.progress = torch.zeros((), device=statistics.device)

    @classmethod
    def networks(cls, generator: Generator, discriminator: Discriminator, params: Any) -> Mapping[Side, nn.Module]:
        """Build further networks to train, at most one module for each side: its companion.

        Called once, on the CPU, after both networks are built. The optimizer of a side trains its companion too, with
        the same settings; companions are saved in checkpoints. The discriminator's companion requires gradients only
        in the discriminator's step. params: an instance of the entry's ``params``.
        """
        return {}

    def update_discriminator(self, real: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]) -> None:
        """Take one optimizer step of the discriminator.

        The loop calls it for each discriminator step of an iteration except the last, and with ``loop.fresh_fakes`` for
        the last one too.

        real: images ``(N, C, H, W)`` in [-1, 1], float32. labels: int64 ``(N,)`` or None.
        penalties: the penalties that are due in this step.
        """
        with self.statistics.together():
            self._teach_discriminator(self._batches(real, labels, gradients=False), penalties)

    def update_generator(self, real: Tensor, labels: Tensor | None, penalties: Sequence[ScheduledPenalty]) -> None:
        """Take one optimizer step of the generator; the gradient flows through the discriminator, which is not trained.

        The loop calls it at the end of an iteration with ``loop.fresh_fakes``. The arguments are those of
        :meth:`update_discriminator`.
        """
        with self.statistics.together():
            self._teach_generator(self._batches(real, labels, gradients=True), penalties)

    def update_both(
        self,
        real: Tensor,
        labels: Tensor | None,
        of_discriminator: Sequence[ScheduledPenalty],
        of_generator: Sequence[ScheduledPenalty],
    ) -> None:
        """Take one optimizer step of the discriminator, then one of the generator, on the same fakes.

        The loop calls it at the end of an iteration without ``loop.fresh_fakes``. With ``accumulate`` above 1 each step
        has fakes of its own.
        """
        if self.accumulate > 1:  # keeping the graphs of all parts would cost the memory that accumulating saves
            self.update_discriminator(real, labels, of_discriminator)
            self.update_generator(real, labels, of_generator)
            return
        (batch,) = self._batches(real, labels, gradients=True)
        with self.statistics.together():
            detached = Batch(batch.real, batch.labels, batch.latents, batch.fake.detach())
            self._teach_discriminator([detached], of_discriminator)
            self._teach_generator([batch], of_generator)

    def judge(self, batch: Batch) -> tuple[DiscriminatorOutputs, DiscriminatorOutputs]:
        """Return the discriminator's outputs for the real and for the fake images, float32.

        Both are judged in one call, unless the discriminator mixes the samples of a batch. Called by
        :meth:`discriminator_loss`, and by :meth:`generator_loss` if the generator's side of the loss reads real images.
        """
        if self.discriminator.mixes_samples:
            return self._outputs(batch.real, batch.labels), self._outputs(batch.fake, batch.labels)
        both = None if batch.labels is None else torch.cat([batch.labels, batch.labels])
        return self._outputs(torch.cat([batch.real, batch.fake]), both).halves()

    def judge_fakes(self, batch: Batch) -> DiscriminatorOutputs:
        """Return the discriminator's outputs for the fake images alone, float32. Called by :meth:`generator_loss`."""
        return self._outputs(batch.fake, batch.labels)

    def discriminator_loss(
        self, batch: Batch, penalties: Sequence[ScheduledPenalty]
    ) -> tuple[Tensor, DiscriminatorOutputs, DiscriminatorOutputs]:
        """Return the loss with its penalties, a scalar to minimise, and the outputs for the real and the fake images.

        Called once for each part of a batch, under autocast if the run is in bf16 or fp16.
        """
        real, fake = self.judge(batch)
        value = self.value("discriminator", batch, real, fake)
        return self.penalised("discriminator", value, penalties, batch, real, fake), real, fake

    def generator_loss(self, batch: Batch, penalties: Sequence[ScheduledPenalty]) -> Tensor:
        """Return the loss with its penalties, a scalar to minimise. Called as :meth:`discriminator_loss` is."""
        real, fake = self.judge(batch) if self.generator_needs_real else (None, self.judge_fakes(batch))
        value = self.value("generator", batch, real, fake)
        return self.penalised("generator", value, penalties, batch, real, fake)

    def _batches(self, real: Tensor, labels: Tensor | None, *, gradients: bool) -> Iterator[Batch]:
        """Yield the parts of a batch, each with fakes of its own, which are made when the part is requested."""
        parts = self.accumulate
        for rows, own in zip(
            real.chunk(parts), labels.chunk(parts) if labels is not None else [None] * parts, strict=True
        ):
            with torch.set_grad_enabled(gradients):
                latents, fake = self._fakes(rows, own)
            yield Batch(rows, own, latents, fake)

    def _fakes(self, real: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return one latent for each real image, and the images that the generator makes from them, float32."""
        latents = share(lambda count: self.generator.sample_latents(count, self.rng, real.device), len(real), self.rng)
        with self._autocast():
            return latents, self.generator(latents, labels, rng=self.rng).float()

    def _teach_discriminator(self, batches: Iterable[Batch], penalties: Sequence[ScheduledPenalty]) -> None:
        self._train_discriminator(True)
        self.optimizer_d.zero_grad(set_to_none=True)
        logits = []
        for batch in batches:
            with self._autocast():
                total, real, fake = self.discriminator_loss(batch, penalties)
            self._backward(total, "discriminator")
            logits.append((real.logits.detach(), fake.logits.detach()))
        self._apply(self.optimizer_d, "discriminator")
        d_real, d_fake = (collectives.whole_batch(torch.cat(parts) if len(parts) > 1 else parts[0])
                          for parts in zip(*logits, strict=True))  # fmt: skip
        with torch.no_grad():
            self.loss.constrain(self._bounded)
            if self.augmentation is not None:
                self.augmentation.adapt(d_real, **dict.fromkeys(self._adapted_by, self.progress))
                self.statistics.add("augmentation", self.augmentation.strength)
        self.statistics.add_logits(d_real, d_fake)

    def _teach_generator(self, batches: Iterable[Batch], penalties: Sequence[ScheduledPenalty]) -> None:
        self._train_discriminator(False)
        self.optimizer_g.zero_grad(set_to_none=True)
        for batch in batches:
            with self._autocast():
                total = self.generator_loss(batch, penalties)
            self._backward(total, "generator")
        self._apply(self.optimizer_g, "generator")

    def _train_discriminator(self, trained: bool) -> None:
        # The optimizer holds no weights that the network itself froze.
        for parameter in (one for group in self.optimizer_d.param_groups for one in group["params"]):
            parameter.requires_grad_(trained)

    def _outputs(self, images: Tensor, labels: Tensor | None) -> DiscriminatorOutputs:
        if self.needs_outputs:
            return self.discriminator.outputs(images, labels, rng=self.rng).map(Tensor.float)
        return DiscriminatorOutputs(self.discriminator(images, labels, rng=self.rng).float())

    def value(self, side: Side, batch: Batch, real: DiscriminatorOutputs | None, fake: DiscriminatorOutputs) -> Tensor:
        """Return one side of the loss, a scalar; the loss gets those optional arguments that it names."""
        there: dict[str, Any] = {"real_outputs": real, "fake_outputs": fake, "labels": batch.labels}
        there |= {"latents": batch.latents, "progress": self.progress, "rng": self.rng}
        optional = {name: there[name] for name in self._optional[side]}
        d_real = None if real is None else real.logits
        value: Tensor = getattr(self.loss, side)(d_real=d_real, d_fake=fake.logits, **optional)
        self.statistics.add(f"loss_{side}", value)
        return value

    def penalised(
        self,
        side: Side,
        loss: Tensor,
        penalties: Sequence[ScheduledPenalty],
        batch: Batch,
        real: DiscriminatorOutputs | None,
        fake: DiscriminatorOutputs,
    ) -> Tensor:
        """Return the loss plus the weighted mean of each penalty.

        Raises GanzooError if a penalty does not have a value for each sample.
        """
        inputs = PenaltyInputs(
            generator=self.generator,
            discriminator=self.discriminator,
            real=batch.real.detach(),
            fake=batch.fake.detach(),
            latents=batch.latents,
            labels=batch.labels,
            rng=self.rng,
            real_outputs=real,
            fake_outputs=fake,
            progress=self.progress,
            step_of=side,
        )
        weighted = []
        for scheduled in penalties:
            with for_penalties(self.statistics.device, fp16=self.fp16):
                value = scheduled.mean(inputs)
            name = scheduled.name if scheduled.network != "both" else f"{scheduled.name}_{side}"
            self.statistics.add(f"penalty_{name}", value)
            weighted.append(scheduled.weight * value)
        return loss + reduce(add, weighted) if weighted else loss

    def _backward(self, total: Tensor, name: str) -> None:
        self.scalers[name].scale(total / self.accumulate if self.accumulate > 1 else total).backward()

    def _apply(self, optimizer: torch.optim.Optimizer, name: str) -> None:
        """Take the optimizer's step with the gradients averaged over all ranks."""
        trained = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in trained if p.grad is not None]
        collectives.average(gradients)
        self.scalers[name].unscale(optimizer)
        norm = nn.utils.get_total_norm(gradients)
        if self.clip_grad is not None:
            nn.utils.clip_grads_with_norm_(trained, self.clip_grad, norm)
        self.statistics.add(f"gradient_{name}", self.scalers[name].step(optimizer, norm))

    def _autocast(self) -> AbstractContextManager[object]:
        return autocast(self.statistics.device, bf16=self.bf16, fp16=self.fp16)
