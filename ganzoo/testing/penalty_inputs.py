"""The penalty that the checks use, and the inputs that the training step can give it."""

from __future__ import annotations

import re
from dataclasses import replace

import torch
from torch import Tensor, nn

from ganzoo.drawing import seeded
from ganzoo.entries import ImageSpec, Needs, PenaltyEntry
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, Generator, Penalty, PenaltyInputs, Side
from ganzoo.testing.loss_inputs import CLASS_COUNT, tensors_of
from ganzoo.testing.probe import global_seed, labels_for, random_images
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import (
    CLASSES,
    ConditionalDiscriminator,
    ConditionalGenerator,
    PatchDiscriminator,
    StandInDiscriminator,
    StandInGenerator,
)
from ganzoo.testing.stand_ins import CONDITIONAL, NAME
from ganzoo.testing.training import Trained

UNLABELLED, LABELLED = ImageSpec(1, 8), ImageSpec(1, 8, classes=CLASS_COUNT)


class PenaltyPart(Trained):
    """A penalty with its default parameters, and stand-in networks with the heads and labels that it needs."""

    def __init__(self, entry: PenaltyEntry, rig: Rig) -> None:
        self.entry, self.key = entry, re.sub(r"\W", "_", entry.short)  # the recipe has no other penalty
        self.labelled = entry.needs.labels or CLASSES in entry.needs.outputs
        recipe = f"{CONDITIONAL if self.labelled else NAME}+{NAME}+{entry.name}"
        image = LABELLED if self.labelled else UNLABELLED
        # Used at each step, so that a few steps are enough to check it.
        own = [f"penalties.{self.key}.interval=1"]
        super().__init__(rig, recipe, image, own=own, prefixes=("penalties.",))

    def make(self, **changes: float) -> Penalty:
        """Return a new penalty with changed parameters, built with the global random state seeded, as for a run."""
        params = replace(getattr(self.config.values.penalties, self.key), **changes)
        with global_seed(0):
            penalty: Penalty = self.entry.construct(params)
        return penalty

    @property
    def weight(self) -> float:
        """The weight that the training step applies."""
        return float(getattr(self.config.values.penalties, self.key).weight)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides whose steps it takes part in."""
        return ("discriminator", "generator") if self.entry.network == "both" else (self.entry.network,)

    def inputs(
        self,
        side: Side,
        count: int = 4,
        *,
        flat: bool = False,
        progress: float = 0.5,
        labelled: bool = False,
        conditional: bool = False,
        patches: bool = False,
        bf16: bool = False,
    ) -> PenaltyInputs:
        """Return what a step of ``side`` gives the penalty, with new networks.

        flat: all weights of that side's network are 0. labelled: there are labels even if the penalty needs none.
        conditional: the networks require labels. patches: the discriminator gives a logit for each patch.
        bf16: the networks run under bf16 autocast.
        """
        conditional = conditional or self.labelled
        generator, discriminator = self._networks(
            LABELLED if labelled or conditional else UNLABELLED, conditional, patches
        )
        own: nn.Module = discriminator if side == "discriminator" else generator
        if flat:
            with torch.no_grad():
                for parameter in own.parameters():
                    parameter.zero_()
        for network in (generator, discriminator):
            network.train().requires_grad_(network is own)
        rng = seeded()
        latents = generator.sample_latents(count, rng)
        labels, real = labels_for(generator.image, count), random_images(generator.image, count)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            fake = generator(latents, labels, rng=rng).float()
            shown = fake.detach() if side == "discriminator" else fake
            real_outputs = _said(discriminator, real, labels, rng) if side == "discriminator" else None
            fake_outputs = _said(discriminator, shown, labels, rng)
        return PenaltyInputs(
            generator=generator,
            discriminator=discriminator,
            real=real,
            fake=fake.detach(),
            latents=latents,
            labels=labels,
            rng=rng,
            real_outputs=real_outputs,
            fake_outputs=fake_outputs,
            progress=torch.tensor(progress),
            step_of=side,
        )

    def _networks(self, image: ImageSpec, conditional: bool, patches: bool) -> tuple[Generator, Discriminator]:
        needs = Needs(per_sample=True) | self.entry.needs
        with global_seed(0):
            generator = ConditionalGenerator(image, None) if conditional else StandInGenerator(image, None)
            if patches:
                return generator, PatchDiscriminator(image, None, needs)
            cls = ConditionalDiscriminator if conditional else StandInDiscriminator
            return generator, cls(image, None, needs)


def _said(
    discriminator: Discriminator, images: Tensor, labels: Tensor | None, rng: torch.Generator
) -> DiscriminatorOutputs:
    return discriminator.outputs(images, labels, rng=rng).map(Tensor.float)


def regularised(inputs: PenaltyInputs) -> nn.Module:
    """Return the network that the step trains."""
    return inputs.discriminator if inputs.step_of == "discriminator" else inputs.generator


def tensors_in(inputs: PenaltyInputs) -> dict[str, Tensor]:
    """Return all tensors that a penalty reads, by their names in its inputs."""
    found = {"inputs.real": inputs.real, "inputs.fake": inputs.fake, "inputs.latents": inputs.latents}
    if inputs.labels is not None:
        found["inputs.labels"] = inputs.labels
    if inputs.progress is not None:
        found["inputs.progress"] = inputs.progress
    for name, outputs in (("real_outputs", inputs.real_outputs), ("fake_outputs", inputs.fake_outputs)):
        if outputs is not None:
            found |= tensors_of(outputs, f"inputs.{name}.logits", f"inputs.{name}")
    return found
