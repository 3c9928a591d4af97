"""The inputs that the training step can give a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganzoo.drawing import seeded
from ganzoo.entries import Needs
from ganzoo.interfaces import DiscriminatorOutputs, Loss
from ganzoo.testing.stand_in_parts import CLASSES, FEATURES, LATENTS
from ganzoo.training.step import OPTIONAL
from ganzoo.utils.keywords import accepted

CLASS_COUNT = 3
PATCHES = (4, 4)


@dataclass(frozen=True)
class LossInputs:
    """The discriminator's outputs for real and generated images, and the optional inputs of a loss."""

    real: DiscriminatorOutputs
    fake: DiscriminatorOutputs
    labels: Tensor | None
    latents: Tensor
    progress: Tensor

    def with_logits(self, real: Tensor, fake: Tensor) -> LossInputs:
        """Return a copy with other logits."""
        return replace(self, real=replace(self.real, logits=real), fake=replace(self.fake, logits=fake))

    def at(self, progress: float) -> LossInputs:
        """Return a copy at another progress of the run."""
        return replace(self, progress=torch.tensor(progress))

    def map(self, change: Callable[[Tensor], Tensor]) -> LossInputs:
        """Return a copy with a function applied to each tensor that has a row for each sample."""
        labels = None if self.labels is None else change(self.labels)
        latents = change(self.latents)
        return LossInputs(self.real.map(change), self.fake.map(change), labels, latents, self.progress)

    def differentiable(self) -> LossInputs:
        """Return a copy whose outputs are leaves that require gradients, with the same values."""

        def leaf(value: Tensor) -> Tensor:
            return value.detach().clone().requires_grad_(True)

        return replace(self, real=self.real.map(leaf), fake=self.fake.map(leaf))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by the names that a loss knows them by."""
        found = {"latents": self.latents, "progress": self.progress}
        if self.labels is not None:
            found["labels"] = self.labels
        for side, outputs in (("real", self.real), ("fake", self.fake)):
            found |= tensors_of(outputs, f"d_{side}", f"{side}_outputs")
        return found

    def value(self, loss: Loss, side: str, *, real_given: bool = True) -> Tensor:
        """Return one side of the loss. ``real_given``: whether the loss gets the outputs for real images."""
        there = {
            "real_outputs": self.real if real_given else None,
            "fake_outputs": self.fake,
            "labels": self.labels,
            "latents": self.latents,
            "progress": self.progress,
            "rng": seeded(),
        }
        method = getattr(loss, side)
        optional = {name: there[name] for name in accepted(method, OPTIONAL)}
        found: Tensor = method(d_real=self.real.logits if real_given else None, d_fake=self.fake.logits, **optional)
        return found


def loss_inputs(
    needs: Needs, count: int = 6, *, spread: float = 1.0, patches: bool = False, labelled: bool = False
) -> LossInputs:
    """Invent outputs for ``count`` images, with the heads that are needed, and labels if needed or ``labelled``."""
    rng = seeded()

    def drawn(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=rng)

    def said() -> DiscriminatorOutputs:
        logits = spread * drawn(*(PATCHES if patches else ()))
        classes = drawn(CLASS_COUNT) if CLASSES in needs.outputs else None
        return DiscriminatorOutputs(
            logits, classes, {name: drawn(FEATURES) for name in needs.outputs if name != CLASSES}
        )

    real, fake = said(), said()
    labels = torch.arange(count) % CLASS_COUNT if needs.labels or CLASSES in needs.outputs or labelled else None
    return LossInputs(real, fake, labels, drawn(LATENTS), torch.tensor(0.5)).differentiable()


def tensors_of(outputs: DiscriminatorOutputs, logits: str, others: str) -> dict[str, Tensor]:
    """Return the tensors of outputs by name: ``logits`` names the logits, ``others`` prefixes the names of the rest."""
    found = {logits: outputs.logits}
    if outputs.classes is not None:
        found[f"{others}.classes"] = outputs.classes
    return {**found, **{f"{others}.features[{name!r}]": value for name, value in outputs.features.items()}}


class Watched:
    """Tensors by name, with a copy of the values they had at construction."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self._before = {name: (value.detach().clone(), value._version) for name, value in tensors.items()}

    def written(self) -> list[str]:
        """Return the names of the tensors that were written to since, through ``.data`` or in place."""
        return [
            name
            for name, (value, version) in self._before.items()
            if self.tensors[name]._version != version or not torch.equal(self.tensors[name].detach(), value)
        ]
