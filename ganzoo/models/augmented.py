"""What the training step sees of a discriminator with an augmentation, and of a penalty with a schedule."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.interfaces import Augmentation, Discriminator, DiscriminatorOutputs, Penalty, PenaltyInputs


class Augmented(Discriminator):
    """The training step's view of a discriminator: every image it is shown is augmented first.

    Losses and penalties see this one and need not know. Without rng the images pass as they are.
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
        with torch.autocast(images.device.type, enabled=False):  # places in an image need all of float32
            augmented: Tensor = self.augmentation(images.float(), rng)
        return augmented


class ScheduledPenalty:
    """A penalty with its name, side, weight and interval, as the loop schedules it."""

    def __init__(self, name: str, network: str, penalty: Penalty, weight: float, interval: int) -> None:
        self.name, self.network, self.penalty = name, network, penalty
        self.interval = interval
        # A lazy penalty shares the step of the main loss, so its weight makes up for the steps without it;
        # learning rate and betas need no correction, which StyleGAN2's separate lazy steps do.
        # In a tensor, as a captured step would go on with the number it was captured with.
        self.weight = torch.tensor(weight * interval)

    def to(self, device: torch.device) -> None:
        """Move the weight and the penalty's buffers to the device."""
        self.weight = self.weight.to(device)
        self.penalty.to(device)

    def mean(self, inputs: PenaltyInputs) -> Tensor:
        """Its mean over the samples, float32. Raises GanzooError for one without a value a sample."""
        values = self.penalty(inputs)
        found, count = tuple(values.shape), len(inputs.real)
        if found[:1] != (count,):
            raise GanzooError(
                f"the penalty {self.name} has shape {found}, must have a value for each of the {count} samples, "
                f"({count},) or ({count}, ...); return it before the mean is taken"
            )
        return values.float().mean()

    def due(self, step: int) -> bool:
        """Whether it applies at this step of its network, counted from 0."""
        return step % self.interval == 0
