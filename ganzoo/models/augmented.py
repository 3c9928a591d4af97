"""Wrappers for the training step: a discriminator with an augmentation, and a penalty with a schedule."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Discriminator, DiscriminatorOutputs, Penalty, PenaltyInputs


class Augmented(Discriminator):
    """A discriminator, for the training step, that augments every image first.

    Losses and penalties use it like any other discriminator. Without ``rng`` the images are not augmented.
    """

    def __init__(self, discriminator: Discriminator, augmentation: Augmentation) -> None:
        super().__init__()
        self.discriminator, self.augmentation = discriminator, augmentation
        self.image, self.conditional = discriminator.image, discriminator.conditional
        self.mixes_samples = discriminator.mixes_samples

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        logits: Tensor = self.discriminator(self._augmented(images, rng), labels, rng=rng)
        return logits

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        return self.discriminator.outputs(self._augmented(images, rng), labels, rng=rng)

    def _augmented(self, images: Tensor, rng: torch.Generator | None) -> Tensor:
        if rng is None:
            return images
        with torch.autocast(images.device.type, enabled=False):  # positions in an image need full float32
            augmented: Tensor = self.augmentation(images.float(), rng)
        return augmented


class ScheduledPenalty:
    """A penalty with its name, network, weight and interval, as the loop schedules it."""

    def __init__(self, name: str, network: str, penalty: Penalty, weight: float, interval: int) -> None:
        self.name, self.network, self.penalty = name, network, penalty
        self.interval = interval
        # A lazy penalty shares the step of the main loss, so its weight makes up for the steps without it. Learning
        # rate and betas need no correction, unlike those of StyleGAN2, whose lazy steps are separate.
        # The weight is a tensor: a captured CUDA graph would keep using a Python number from capture time.
        self.weight = torch.tensor(weight * interval)

    def to(self, device: torch.device) -> None:
        """Move the weight and the penalty's buffers to the device."""
        self.weight = self.weight.to(device)
        self.penalty.to(device)

    def mean(self, inputs: PenaltyInputs) -> Tensor:
        """Return the penalty's mean over the samples, float32. Raises GanzooError if it does not give a value for each
        sample."""
        values = self.penalty(inputs)
        found, count = tuple(values.shape), len(inputs.real)
        if found[:1] != (count,):
            raise GanzooError(
                f"the penalty {self.name} has shape {found}, must have a value for each of the {count} samples, "
                f"({count},) or ({count}, ...); return it before the mean is taken"
            )
        return values.float().mean()

    def due(self, step: int) -> bool:
        """Return whether the penalty applies at this step of its network, counted from 0."""
        return step % self.interval == 0
